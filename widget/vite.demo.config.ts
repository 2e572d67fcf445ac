/** `/demo/` and `/demo/shop/`: the page with the phones, and the shop that stands in one of them. */
import { fileURLToPath } from "node:url";

import { preact } from "@preact/preset-vite";
import { defineConfig } from "vite";

const page = (path: string) => fileURLToPath(new URL(path, import.meta.url));

export default defineConfig({
  root: "demo",
  base: "/demo/",
  plugins: [preact()],
  build: {
    target: "baseline-widely-available",
    outDir: "../dist/demo",
    emptyOutDir: true,
    modulePreload: { polyfill: false },
    rolldownOptions: { input: [page("demo/index.html"), page("demo/shop/index.html")] },
  },
});
