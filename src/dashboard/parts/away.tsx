// What an answer over all cells is without.
import "./away.css";

/** The line for cells that are away; nothing where none is. */
export function Away({ cells = [] }: { cells: readonly string[] | undefined }) {
  if (cells.length === 0) return null;
  const [who, whose] =
    cells.length === 1
      ? [`The cell ${cells.join()} is`, "its"]
      : [`The cells ${cells.join(", ")} are`, "their"];
  return (
    <p className="away" role="status">
      {who} away: what {whose} tenants have is neither listed nor counted here.
    </p>
  );
}
