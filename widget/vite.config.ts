/** The chat app: `/widget/`. */
import { preact } from "@preact/preset-vite";
import { defineConfig } from "vite";

export default defineConfig({
  base: "./",
  plugins: [preact()],
  build: { target: "baseline-widely-available", modulePreload: { polyfill: false } },
});
