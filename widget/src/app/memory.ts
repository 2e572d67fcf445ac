/**
 * The session token between visits, in the frame's own storage. A browser may forbid storage in a frame: then the
 * conversation lasts as long as the page. A token is kept per API address too, so that a link naming another address
 * can't have it sent there.
 */
export class Memory {
  private readonly key: string;

  constructor(apiUrl: string, widgetId: string) {
    this.key = `xin:${widgetId}:${apiUrl}`;
  }

  read(): string | null {
    try {
      return localStorage.getItem(this.key);
    } catch {
      return null;
    }
  }

  write(token: string | null): void {
    try {
      if (token) localStorage.setItem(this.key, token);
      else localStorage.removeItem(this.key);
    } catch {
      // Forbidden or full: this visit works all the same.
    }
  }
}
