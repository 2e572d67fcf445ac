/** Types are checked by TypeScript 7 (`npm run types`); ESLint reads the same code with 6, which still has an API. */
import css from "@eslint/css";
import js from "@eslint/js";
import jsxA11y from "eslint-plugin-jsx-a11y";
import reactHooks from "eslint-plugin-react-hooks";
import globals from "globals";
import tseslint from "typescript-eslint";

export default tseslint.config(
  { ignores: ["**/dist/", "**/node_modules/", ".venv/", ".xin/"] },
  { files: ["*.{js,ts}"], extends: [js.configs.recommended], languageOptions: { globals: globals.node } },
  {
    files: ["{console,widget}/**/*.{ts,tsx}"],
    extends: [
      js.configs.recommended,
      tseslint.configs.strictTypeChecked,
      tseslint.configs.stylisticTypeChecked,
      jsxA11y.flatConfigs.strict,
      reactHooks.configs.flat.recommended,
    ],
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    rules: {
      "@typescript-eslint/restrict-template-expressions": ["error", { allowNumber: true }],
      "@typescript-eslint/no-confusing-void-expression": ["error", { ignoreArrowShorthand: true }],
      // `??` isn't meant where an empty text or zero should fall through as well.
      "@typescript-eslint/prefer-nullish-coalescing": ["error", { ignorePrimitives: { string: true } }],
      // A list that scrolls must be reachable by keyboard.
      "jsx-a11y/no-noninteractive-tabindex": ["error", { roles: ["log", "tabpanel"], tags: [] }],
    },
  },
  {
    files: ["**/*.css"],
    plugins: { css },
    language: "css/css",
    rules: {
      // Left and right would have to be turned by hand for Persian.
      "css/prefer-logical-properties": [
        "error",
        // Browsers are older than these two's logical twins.
        { allowProperties: ["overflow-x", "overflow-y"], allowUnits: ["vw", "dvh"] },
      ],
      "css/no-duplicate-imports": "error",
      "css/no-empty-blocks": "error",
      "css/no-invalid-at-rules": "error",
    },
  },
);
