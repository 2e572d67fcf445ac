import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";

import { watchLine, type Line } from "./line";

describe("the line to the simulator", () => {
  let told: Line[];

  beforeEach(() => {
    vi.useFakeTimers();
    told = [];
  });

  afterEach(() => vi.useRealTimers());

  it("says nothing of a break that is over at once", () => {
    const watch = watchLine((line) => told.push(line));
    watch.onState("waiting");
    vi.advanceTimersByTime(1_000);
    watch.onState("open");
    vi.advanceTimersByTime(60_000);
    expect(told).toEqual(["open"]);
  });

  it("says once that it is lost, however often it was tried, and that it is back", () => {
    const watch = watchLine((line) => told.push(line));
    for (let tries = 0; tries < 3; tries++) {
      watch.onState("waiting");
      vi.advanceTimersByTime(1_000);
    }
    watch.onState("open");
    expect(told).toEqual(["lost", "open"]);
  });

  it("says nothing after it was stopped", () => {
    const watch = watchLine((line) => told.push(line));
    watch.onState("waiting");
    watch.stop();
    vi.advanceTimersByTime(60_000);
    expect(told).toEqual([]);
  });
});
