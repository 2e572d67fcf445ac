/** Ends `npm run build`: what a visitor and an operator load first, gzipped, against what we promise (KB of 1000 bytes). */
import { readdirSync, readFileSync } from "node:fs";
import { gzipSync } from "node:zlib";

const BUDGETS = [
  { name: "loader", limit: 5, files: ["widget/dist/embed.js"] },
  { name: "widget app", limit: 40, files: scriptsOf("widget/dist/assets") },
  { name: "console", limit: 200, files: scriptsOf("console/dist/assets") },
];

function scriptsOf(folder) {
  return readdirSync(folder)
    .filter((name) => name.endsWith(".js"))
    .map((name) => `${folder}/${name}`);
}

for (const { name, limit, files } of BUDGETS) {
  const bytes = files.reduce((sum, file) => sum + gzipSync(readFileSync(file), { level: 9 }).length, 0);
  const size = bytes / 1000;
  console.log(`${name}: ${size.toFixed(1)} KB of ${limit}`);
  if (size > limit) process.exitCode = 1;
}
