/** `/demo`. Its address has no slash at the end, so its files are named from the root. */
import { preact } from "@preact/preset-vite";
import { defineConfig } from "vite";

export default defineConfig({
  root: "demo",
  base: "/demo/",
  plugins: [preact()],
  build: {
    target: "baseline-widely-available",
    outDir: "../dist/demo",
    emptyOutDir: true,
    modulePreload: { polyfill: false },
  },
});
