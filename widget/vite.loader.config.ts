/** `/embed.js`: one classic script for other people's pages. Built after the app, into the same folder. */
import { defineConfig } from "vite";

export default defineConfig({
  publicDir: false,
  build: {
    target: "baseline-widely-available",
    emptyOutDir: false,
    lib: { entry: "src/loader/embed.ts", formats: ["iife"], name: "xin", fileName: () => "embed.js" },
  },
});
