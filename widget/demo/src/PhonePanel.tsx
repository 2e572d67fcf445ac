/** A messenger's phone, the customer's ways with it, and the wire. */
import { useEffect, useMemo, useState } from "preact/hooks";

import type { Language } from "../../src/locale";
import { HOSTS } from "./ChannelPanel";
import { Controls, type Mode } from "./Controls";
import { watchLine, type Line } from "./line";
import { PhoneScreen } from "./PhoneScreen";
import { BLANK, changed, newestUnread, type Screen } from "./screen";
import { findConversation, ownChat, Phone, type Account } from "./simulator";
import { Wire } from "./Wire";
import { WORDS } from "./words";

/** A customer needs a moment to look. */
const READING_MS = 700;

export function PhonePanel({ account, language }: { account: Account; language: Language }) {
  const words = WORDS[language];
  const [chat, setChat] = useState(() => ownChat(account));
  const phone = useMemo(() => new Phone(account, chat), [account, chat]);
  const { screen, line } = useScreen(phone);
  const [reads, setReads] = useState(true);
  const [chosen, setChosen] = useState<{ message: string; count: number } | null>(null);
  const conversation = useConversation(account, chat, screen.messages.length > 0, screen.exchanges.length);
  useReading(phone, reads ? newestUnread(screen) : null);

  function turnTo(mode: Mode): void {
    setReads(mode !== "ignores");
    if ((mode === "off") !== screen.away) void phone.turn({ away: mode === "off" }).catch(() => undefined);
  }

  function startAnew(): void {
    setChat(ownChat(account, true));
    setChosen(null);
  }

  return (
    <div class="panel">
      <PhoneScreen
        key={chat}
        phone={phone}
        screen={screen}
        line={line}
        language={language}
        onDetails={(message) => setChosen((before) => ({ message, count: (before?.count ?? 0) + 1 }))}
        onSwitchOn={() => turnTo("reads")}
      />
      <div class="beside">
        <Controls
          key={chat}
          phone={phone}
          screen={screen}
          mode={screen.away ? "off" : reads ? "reads" : "ignores"}
          conversation={conversation}
          language={language}
          onMode={turnTo}
          onAnew={startAnew}
        />
        <Wire
          words={words.wire}
          language={language}
          hint={words.wire.hint(HOSTS[account.kind])}
          host={HOSTS[account.kind]}
          exchanges={screen.exchanges}
          chosen={chosen}
        />
      </div>
    </div>
  );
}

/** What the phone shows, and whether we hear of it. */
function useScreen(phone: Phone): { screen: Screen; line: Line } {
  const [screen, setScreen] = useState<Screen>(BLANK);
  const [line, setLine] = useState<Line>("open");
  useEffect(() => {
    const watch = watchLine(setLine);
    setScreen(BLANK);
    const stop = phone.watch((name, data) => setScreen((now) => changed(now, name, data, Date.now())), watch.onState);
    return () => {
      watch.stop();
      stop();
    };
  }, [phone]);
  return { screen, line };
}

/** Reads what is unread, while this page is looked at. */
function useReading(phone: Phone, unread: string | null): void {
  useEffect(() => {
    if (unread === null || phone.account.kind === "telegram" || phone.account.kind === "bale") return;
    let timer: ReturnType<typeof setTimeout> | undefined;
    const look = () => {
      if (document.visibilityState !== "visible") return;
      timer ??= setTimeout(() => void phone.read().catch(() => undefined), READING_MS);
    };
    look();
    document.addEventListener("visibilitychange", look);
    return () => {
      clearTimeout(timer);
      document.removeEventListener("visibilitychange", look);
    };
  }, [phone, unread]);
}

/** Asked again with each request that passes, until the platform has stored something. */
function useConversation(account: Account, chat: string, hasWritten: boolean, passed: number): string | null {
  const [found, setFound] = useState<{ chat: string; id: string } | null>(null);
  const id = found?.chat === chat ? found.id : null;
  useEffect(() => {
    if (!hasWritten || id) return;
    findConversation(account, chat).then(
      (stored) => {
        if (stored) setFound({ chat, id: stored });
      },
      () => undefined,
    );
  }, [account, chat, hasWritten, id, passed]);
  return id;
}
