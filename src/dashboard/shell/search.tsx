// One box to find anything by: an id, a key, a name, a URL, a channel, a type. `/` comes here from everywhere.
import { useEffect, useRef, useState, type SyntheticEvent } from "react";

import { goTo, paths } from "../address/links.ts";

export function Search() {
  const [text, setText] = useState("");
  const box = useRef<HTMLInputElement>(null);
  useEffect(() => {
    const onKey = (event: KeyboardEvent) => {
      if (event.key !== "/" || event.ctrlKey || event.metaKey || event.altKey) return;
      if (
        event.target instanceof Element &&
        event.target.closest("input,textarea,select,[role=dialog]")
      )
        return;
      event.preventDefault();
      box.current?.focus();
      box.current?.select();
    };
    document.addEventListener("keydown", onKey);
    return () => document.removeEventListener("keydown", onKey);
  }, []);
  const submit = (event: SyntheticEvent) => {
    event.preventDefault();
    if (text.trim() !== "") goTo(paths.find, { q: text.trim() });
  };
  return (
    <form className="search" role="search" onSubmit={submit}>
      <input
        ref={box}
        type="search"
        aria-label="Find"
        placeholder="Find an id, key, name, URL, channel or type"
        value={text}
        onChange={(event) => setText(event.currentTarget.value)}
        maxLength={2_048}
        autoComplete="off"
        spellCheck={false}
      />
      <kbd aria-hidden="true">/</kbd>
    </form>
  );
}
