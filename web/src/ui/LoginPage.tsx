import { type FormEvent, useEffect, useRef, useState } from "react";
import { logIn } from "../core/api";
import { signedIn } from "../core/session";
import { Logo } from "./Icon";

/** Where people come in with their token; the browser then holds a cookie that no script can read. */
export function LoginPage() {
  const [token, setToken] = useState("");
  const [busy, setBusy] = useState(false);
  const [failed, setFailed] = useState<string | null>(null);
  const field = useRef<HTMLInputElement>(null);

  useEffect(() => {
    document.title = "Log in – masklet";
    field.current?.focus();
  }, []);

  const submit = async (event: FormEvent) => {
    event.preventDefault();
    setBusy(true);
    try {
      await logIn(token.trim());
      signedIn.set(true);
    } catch (error) {
      setFailed(error instanceof Error ? error.message : String(error));
      setBusy(false);
      field.current?.select();
    }
  };

  return (
    <main className="opening">
      <Logo size={48} />
      <h1>Log in to masklet</h1>
      <form className="login" onSubmit={(event) => void submit(event)}>
        <label htmlFor="token">Your token</label>
        <input
          ref={field}
          id="token"
          type="password"
          autoComplete="current-password"
          required
          maxLength={200}
          value={token}
          aria-describedby="login-failed"
          aria-invalid={failed !== null}
          onChange={(event) => setToken(event.target.value)}
        />
        <button type="submit" className="button primary" disabled={busy || token.trim() === ""}>
          Log in
        </button>
        <p id="login-failed" role="alert">
          {failed !== null && `Not logged in: ${failed}.`}
        </p>
      </form>
    </main>
  );
}
