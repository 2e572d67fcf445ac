/** Starts the operators' console at `/console/`. */
import { StrictMode } from "react";
import { QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { createRoot } from "react-dom/client";
import "@xin/widget/fonts.css";
import "@xin/widget/tokens.css";

import { App } from "./App";
import { Problem } from "./api/problem";
import "./console.css";

const queries = new QueryClient({
  defaultOptions: {
    queries: {
      // What the server refused it will refuse again; only silence and its own failures are worth another try.
      retry: (failures, error) =>
        failures < 3 && !(error instanceof Problem && error.status >= 400 && error.status < 500),
    },
  },
});

const app = document.getElementById("app");
if (app) {
  createRoot(app).render(
    <StrictMode>
      <QueryClientProvider client={queries}>
        <App />
      </QueryClientProvider>
    </StrictMode>,
  );
}
