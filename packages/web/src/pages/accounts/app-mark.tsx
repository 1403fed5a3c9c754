const TONES = 6;

/** The first letter of an app in a colour of its own. */
export function AppMark({ title }: { readonly title: string }) {
  const tone = [...title].reduce((sum, letter) => (sum * 31 + letter.codePointAt(0)!) % 9_973, 7) % TONES;
  return (
    <span className={`app-mark tone-${tone}`} aria-hidden>
      {[...title][0]?.toUpperCase() ?? "?"}
    </span>
  );
}
