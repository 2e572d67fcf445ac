import { describe, expect, it } from "vitest";

import { hashOf, readRoute, type Route } from "./route";

describe("the route", () => {
  it("comes back from its own address, so that a colleague can be sent the view", () => {
    const routes: Route[] = [
      { screen: "knowledge" },
      { screen: "conversations", conversation: null, status: "waiting" },
      { screen: "conversations", conversation: "c/1?x", status: null },
    ];
    for (const route of routes) expect(readRoute(hashOf(route))).toEqual(route);
  });

  it("falls back to the whole list where the address makes no sense", () => {
    for (const hash of ["", "#/", "#/nowhere/7", "#/conversations?status=lost"]) {
      expect(readRoute(hash)).toEqual({ screen: "conversations", conversation: null, status: null });
    }
  });
});
