// How far something is.
import "./progress.css";

type ProgressProps = { label: string; value: number; max: number; text: string };

/** A bar, and the same in words. */
export function Progress({ label, value, max, text }: ProgressProps) {
  return (
    <div className="progress">
      <progress aria-label={label} value={Math.min(value, max)} max={Math.max(1, max)} />
      <p>{text}</p>
    </div>
  );
}
