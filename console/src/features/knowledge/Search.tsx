/** What the bot would find for a question. */
import { useState, type SubmitEvent } from "react";
import { useQuery } from "@tanstack/react-query";
import { formatNumber } from "@xin/widget/locale";

import { usePreferences, useWords } from "../../preferences";
import { usableDetail } from "../../QueryView";
import { searchQuery } from "./api";

export function Search() {
  const { knowledge: words, states } = useWords();
  const { language } = usePreferences();
  const [text, setText] = useState("");
  const [asked, setAsked] = useState("");
  const found = useQuery(searchQuery(asked));

  function submit(event: SubmitEvent<HTMLFormElement>): void {
    event.preventDefault();
    setAsked(text.trim());
  }

  return (
    <section className="search">
      <h2>{words.search}</h2>
      <p className="soft">{words.searchHint}</p>
      <form role="search" onSubmit={submit}>
        <label className="only-spoken" htmlFor="search-text">
          {words.search}
        </label>
        <input
          id="search-text"
          type="search"
          dir={text ? "auto" : undefined}
          value={text}
          onChange={(event) => setText(event.target.value)}
        />
        <button type="submit" className="primary" disabled={!text.trim() || found.isFetching}>
          {words.searchButton}
        </button>
      </form>
      {found.isError && (
        <p className="error" role="alert">
          {usableDetail(found.error) || states.failed}
        </p>
      )}
      {found.data?.length === 0 && <p role="status">{words.nothing}</p>}
      <ol className="passages">
        {found.data?.map((passage) => (
          <li key={passage.chunk_id}>
            <p className="passage-head">
              <strong dir="auto">{passage.title}</strong> <bdi className="soft">{passage.place}</bdi>
              <span className="soft">{words.score(formatNumber(Number(passage.score.toFixed(3)), language))}</span>
            </p>
            <p dir="auto">{passage.text}</p>
          </li>
        ))}
      </ol>
    </section>
  );
}
