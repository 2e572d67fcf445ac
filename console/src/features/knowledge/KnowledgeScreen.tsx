/** Documents: add one, see how far it is, take one away; and what a question would find in them. */
import { useInfiniteQuery } from "@tanstack/react-query";

import { useWords } from "../../preferences";
import { QueryView } from "../../QueryView";
import { assetsQuery } from "./api";
import { AssetTable } from "./AssetTable";
import { Search } from "./Search";
import { Upload } from "./Upload";

export function KnowledgeScreen() {
  const { knowledge: words, states } = useWords();
  const query = useInfiniteQuery(assetsQuery());
  return (
    <main className="page">
      <header className="page-head">
        <div>
          <h1>{words.title}</h1>
          <p className="soft">{words.intro}</p>
        </div>
        <Upload />
      </header>
      <QueryView query={query} empty={words.empty}>
        {(assets) => <AssetTable assets={assets} />}
      </QueryView>
      {query.hasNextPage && (
        <button type="button" disabled={query.isFetchingNextPage} onClick={() => void query.fetchNextPage()}>
          {states.more}
        </button>
      )}
      <Search />
    </main>
  );
}
