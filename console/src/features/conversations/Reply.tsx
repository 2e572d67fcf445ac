/** The operator's line to write on. A text that could not be sent stays in it. */
import { useState, type KeyboardEvent, type SubmitEvent } from "react";
import { useMutation, useQueryClient } from "@tanstack/react-query";

import { useOwnId } from "../../api/me";
import { useWords } from "../../preferences";
import { reply, type Conversation } from "./api";
import { conflictOf } from "./conflict";

export function Reply({ conversation }: { conversation: Conversation }) {
  const words = useWords();
  const queries = useQueryClient();
  const [text, setText] = useState("");
  const ownId = useOwnId();
  const { id } = conversation;
  const isMine = conversation.status === "human" && conversation.owner_id === ownId;
  const sending = useMutation({
    mutationFn: (said: string) => reply(id, said),
    onSuccess: (_, said) => {
      // What was written meanwhile stays.
      setText((now) => (now.trim() === said ? "" : now));
    },
    onSettled: () =>
      Promise.all([
        queries.invalidateQueries({ queryKey: ["messages", id] }),
        queries.invalidateQueries({ queryKey: ["conversations"] }),
      ]),
  });

  function send(): void {
    if (text.trim() && !sending.isPending) sending.mutate(text.trim());
  }

  function submit(event: SubmitEvent<HTMLFormElement>): void {
    event.preventDefault();
    send();
  }

  function sendOnEnter(event: KeyboardEvent<HTMLTextAreaElement>): void {
    if (event.key !== "Enter" || event.shiftKey || event.nativeEvent.isComposing) return;
    event.preventDefault();
    send();
  }

  return (
    <form className="reply" onSubmit={submit}>
      <label htmlFor="reply-text">{words.thread.reply}</label>
      <textarea
        id="reply-text"
        rows={2}
        // An empty field with dir=auto lays Persian out from the wrong side.
        dir={text ? "auto" : undefined}
        value={text}
        aria-describedby="reply-hint"
        onChange={(event) => setText(event.target.value)}
        onKeyDown={sendOnEnter}
      />
      <div className="reply-foot">
        <span id="reply-hint" className="soft">
          {isMine ? words.thread.replyMine : words.thread.replyHint}
        </span>
        {sending.isError && (
          <span className="error" role="alert">
            {conflictOf(sending.error, words) || words.thread.notSent}
          </span>
        )}
        <button type="submit" className="primary" disabled={!text.trim() || sending.isPending}>
          {sending.isPending ? words.thread.sending : words.thread.send}
        </button>
      </div>
    </form>
  );
}
