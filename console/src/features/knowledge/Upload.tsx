/** Picks files and sends them one after the other. */
import type { ChangeEvent } from "react";
import { useMutation, useQueryClient } from "@tanstack/react-query";

import { useWords } from "../../preferences";
import { usableDetail } from "../../QueryView";
import { upload } from "./api";

export function Upload() {
  const { knowledge: words, states } = useWords();
  const queries = useQueryClient();
  const sending = useMutation({
    mutationFn: (file: File) => upload(file),
    scope: { id: "upload" }, // one at a time
    onSettled: () => queries.invalidateQueries({ queryKey: ["knowledge"] }),
  });

  function pick(event: ChangeEvent<HTMLInputElement>): void {
    for (const file of event.target.files ?? []) sending.mutate(file);
    event.target.value = ""; // the same file may be picked again after a failure
  }

  const name = sending.variables?.name ?? "";
  return (
    <div className="upload">
      <label className="primary" htmlFor="upload-file">
        {words.upload}
      </label>
      <input id="upload-file" className="only-spoken" type="file" multiple onChange={pick} />
      {sending.isPending && <p role="status">{words.uploading(name)}</p>}
      {sending.isSuccess && <p role="status">{sending.data === "known" ? words.known(name) : words.uploaded(name)}</p>}
      {sending.isError && (
        <p className="error" role="alert">
          {usableDetail(sending.error) || states.failed}
        </p>
      )}
    </div>
  );
}
