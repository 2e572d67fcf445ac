/** The door: email and password. */
import type { ReactNode, SubmitEvent } from "react";
import { useMutation } from "@tanstack/react-query";

import { signIn } from "../../api/client";
import { Problem } from "../../api/problem";
import { useWords } from "../../preferences";
import type { Words } from "../../words/fa";

export function SignIn({ preferences }: { preferences: ReactNode }) {
  const words = useWords();
  const attempt = useMutation({
    mutationFn: ({ email, password }: { email: string; password: string }) => signIn(email, password),
  });

  function submit(event: SubmitEvent<HTMLFormElement>): void {
    event.preventDefault();
    const form = new FormData(event.currentTarget);
    attempt.mutate({ email: textOf(form, "email"), password: textOf(form, "password") });
  }

  return (
    <main className="door">
      <form className="card" onSubmit={submit}>
        <h1>{words.signIn.title}</h1>
        <label htmlFor="email">{words.signIn.email}</label>
        <input id="email" name="email" type="email" dir="ltr" autoComplete="username" required />
        <label htmlFor="password">{words.signIn.password}</label>
        <input id="password" name="password" type="password" dir="ltr" autoComplete="current-password" required />
        {attempt.isError && (
          <p className="error" role="alert">
            {reasonOf(attempt.error, words)}
          </p>
        )}
        <button type="submit" className="primary" disabled={attempt.isPending}>
          {words.signIn.submit}
        </button>
      </form>
      {preferences}
    </main>
  );
}

function textOf(form: FormData, name: string): string {
  const value = form.get(name);
  return typeof value === "string" ? value : "";
}

function reasonOf(error: unknown, words: Words): string {
  const status = error instanceof Problem ? error.status : 0;
  if (status === 429) return words.signIn.tooMany;
  return status >= 400 && status < 500 ? words.signIn.wrong : words.states.unreachable;
}
