// Whether the server answers. Lost by a call that got no answer, found again by asking /healthz.

type Listener = () => void;

const FIRST_WAIT_MS = 1000;
const LONGEST_WAIT_MS = 15000;

class Connection {
  private lost = false;
  private wait = FIRST_WAIT_MS;
  private timer: ReturnType<typeof setTimeout> | undefined;
  private readonly listeners = new Set<Listener>();
  /** Called when it is back; set by the application to load again what is shown. */
  onBack: Listener = () => undefined;

  isLost = (): boolean => this.lost;

  subscribe = (listener: Listener): (() => void) => {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  };

  lose(): void {
    if (this.lost) return;
    this.lost = true;
    this.wait = FIRST_WAIT_MS;
    this.tell();
    this.plan();
  }

  hold(): void {
    if (!this.lost) return;
    clearTimeout(this.timer);
    this.lost = false;
    this.tell();
    this.onBack();
  }

  /** Asks now, rather than when the wait is over. */
  look = async (): Promise<void> => {
    clearTimeout(this.timer);
    try {
      const response = await fetch('/healthz', { cache: 'no-store' });
      if (response.ok) {
        this.hold();
        return;
      }
    } catch {
      // Still away.
    }
    this.wait = Math.min(this.wait * 2, LONGEST_WAIT_MS);
    this.plan();
  };

  /** Finds out whether the server is there, when something else than a call makes one doubt it. */
  probe = async (): Promise<void> => {
    try {
      await fetch('/healthz', { cache: 'no-store' });
      this.hold();
    } catch {
      this.lose();
    }
  };

  private plan(): void {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => void this.look(), this.wait);
  }

  private tell(): void {
    for (const listener of this.listeners) listener();
  }
}

export const connection = new Connection();
