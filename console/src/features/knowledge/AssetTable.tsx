/** The documents with how far each is, and why one failed. */
import { useState } from "react";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { formatMoment, formatNumber } from "@xin/widget/locale";

import { usePreferences, useWords } from "../../preferences";
import { usableDetail } from "../../QueryView";
import { remove, type Asset } from "./api";

export function AssetTable({ assets }: { assets: Asset[] }) {
  const { knowledge: words } = useWords();
  const { language } = usePreferences();
  return (
    <table className="assets">
      <thead>
        <tr>
          <th scope="col">{words.columns.title}</th>
          <th scope="col">{words.columns.status}</th>
          <th scope="col">{words.columns.added}</th>
          <th scope="col">
            <span className="only-spoken">{words.columns.actions}</span>
          </th>
        </tr>
      </thead>
      <tbody>
        {assets.map((asset) => (
          <tr key={asset.id}>
            <td>
              <bdi>{asset.title || asset.name}</bdi>
            </td>
            <td>
              <AssetStatus asset={asset} />
            </td>
            <td>{formatMoment(asset.created_at, language)}</td>
            <td>
              <RemoveButton asset={asset} />
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

function AssetStatus({ asset }: { asset: Asset }) {
  const { knowledge: words } = useWords();
  const { language } = usePreferences();
  const { status, reason } = asset;
  const { position, total } = asset.progress;
  return (
    <>
      <span className={`badge is-${status}`}>{words.status[status]}</span>
      {status === "indexing" && total ? (
        <span className="progress">
          <progress value={position} max={total} />{" "}
          {words.progress(formatNumber(position, language), formatNumber(total, language))}
        </span>
      ) : null}
      {status === "failed" && reason && (
        <span className="error" dir="auto">
          {reason}
        </span>
      )}
    </>
  );
}

/** Asks once more before it does it. */
function RemoveButton({ asset }: { asset: Asset }) {
  const { knowledge: words, states } = useWords();
  const queries = useQueryClient();
  const [isAsking, setAsking] = useState(false);
  const removal = useMutation({
    mutationFn: () => remove(asset.id),
    onSettled: () => queries.invalidateQueries({ queryKey: ["knowledge"] }),
  });
  if (!isAsking) {
    return (
      <button type="button" aria-label={words.removeNamed(asset.title)} onClick={() => setAsking(true)}>
        {words.remove}
      </button>
    );
  }
  return (
    <span className="confirm" role="group" aria-label={words.removeNamed(asset.title)}>
      <button type="button" className="danger" disabled={removal.isPending} onClick={() => removal.mutate()}>
        {words.removeReally}
      </button>
      <button type="button" onClick={() => setAsking(false)}>
        {words.keep}
      </button>
      {removal.isError && (
        <span className="error" role="alert">
          {usableDetail(removal.error) || states.failed}
        </span>
      )}
    </span>
  );
}
