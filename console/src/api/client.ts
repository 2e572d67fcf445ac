/**
 * Talks to console-api. The access token lives in memory only; the refresh token in sessionStorage, so that a reload
 * keeps the operator signed in and closing the tab doesn't.
 */
import { Problem, problemOf } from "./problem";

/** Lets a page on another host say where the API is. */
const BASE = (document.querySelector<HTMLMetaElement>('meta[name="xin-api"]')?.content || "/api/v1").replace(/\/$/, "");
const REFRESH_KEY = "xin-console:refresh";
/** A token this close to its end is renewed before it is used. */
const EARLY_MS = 30_000;

interface TokenAnswer {
  access_token: string;
  expires_in: number;
  refresh_token?: string;
}

let access: { token: string; until: number } | null = null;
let refreshing: Promise<void> | null = null;
const listeners = new Set<() => void>();

export function isSignedIn(): boolean {
  return access !== null || sessionStorage.getItem(REFRESH_KEY) !== null;
}

/** Calls *listener* whenever somebody signed in or out. */
export function onSession(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

/** Raises Problem: 401 for a wrong password, 429 after too many. */
export async function signIn(email: string, password: string): Promise<void> {
  await takeToken({ grant_type: "password", username: email, password });
}

export function signOut(): void {
  access = null;
  sessionStorage.removeItem(REFRESH_KEY);
  for (const listener of listeners) listener();
}

/** The header's value, with a token that is still good. Signs out and raises Problem when there is none to be had. */
export async function authorization(): Promise<string> {
  if (!access || access.until - Date.now() < EARLY_MS) await refresh();
  return `Bearer ${access?.token ?? ""}`;
}

/** The server refused the access token: the next call gets a new one first. */
export function forgetAccess(): void {
  access = null;
}

export function apiUrl(path: string): string {
  return `${BASE}${path}`;
}

/** One call; a token that was refused is renewed once. *body* may be FormData, else it is sent as JSON. */
export async function call<T>(method: string, path: string, body?: unknown): Promise<T> {
  const { data } = await callWithStatus(method, path, body);
  return data as T;
}

/** Like `call`, for when the kind of success matters. */
export async function callWithStatus(
  method: string,
  path: string,
  body?: unknown,
): Promise<{ status: number; data: unknown }> {
  let response = await send(method, path, body, await authorization());
  if (response.status === 401) {
    forgetAccess();
    response = await send(method, path, body, await authorization());
  }
  if (!response.ok) throw await problemOf(response);
  const text = await response.text();
  return { status: response.status, data: text ? JSON.parse(text) : null };
}

async function send(method: string, path: string, body: unknown, bearer: string): Promise<Response> {
  const headers: Record<string, string> = { Authorization: bearer };
  if (body !== undefined && !(body instanceof FormData)) headers["Content-Type"] = "application/json";
  const payload = body === undefined ? null : body instanceof FormData ? body : JSON.stringify(body);
  return reach(path, { method, headers, body: payload, cache: "no-store" });
}

/** Whoever asks while a renewal is under way waits for that one: a refresh token may be good only once. */
function refresh(): Promise<void> {
  refreshing ??= renew().finally(() => (refreshing = null));
  return refreshing;
}

async function renew(): Promise<void> {
  const kept = sessionStorage.getItem(REFRESH_KEY);
  try {
    if (!kept) throw new Problem(401, "");
    await takeToken({ grant_type: "refresh_token", refresh_token: kept });
  } catch (error) {
    if (error instanceof Problem && error.status >= 400 && error.status < 500 && error.status !== 429) signOut();
    throw error;
  }
}

async function takeToken(form: Record<string, string>): Promise<void> {
  const response = await reach("/auth/token", { method: "POST", body: new URLSearchParams(form) });
  if (!response.ok) throw await problemOf(response);
  const answer = (await response.json()) as TokenAnswer;
  access = { token: answer.access_token, until: Date.now() + answer.expires_in * 1000 };
  if (answer.refresh_token) sessionStorage.setItem(REFRESH_KEY, answer.refresh_token);
  for (const listener of listeners) listener();
}

async function reach(path: string, init: RequestInit): Promise<Response> {
  return fetch(apiUrl(path), init).catch(() => {
    throw new Problem(0, "");
  });
}
