/** Unit tests of the console and the widget stand beside the code they are about. */
import { defineConfig } from "vitest/config";

export default defineConfig({ test: { include: ["{console,widget}/{src,demo}/**/*.test.ts"] } });
