// What happened over time: drawn, said in a sentence, and as a table of the same numbers.
import { chunk } from "../chunk.tsx";
import type { ChartProps } from "./chart-props.ts";
import "./chart.css";

// Its library is loaded where there is a chart.
const Plot = chunk(() => import("./plot.tsx"), null);

const time = new Intl.DateTimeFormat(undefined, { dateStyle: "short", timeStyle: "short" });

/** Shows it. */
export function Chart(props: ChartProps) {
  const { title, summary, times, series, format } = props;
  return (
    <figure className="chart card">
      <figcaption>
        <strong>{title}</strong>
        <ul className="chart-legend" aria-hidden="true">
          {series.map(({ name, color }) => (
            <li key={name}>
              <span style={{ background: `var(--${color})` }} />
              {name}
            </li>
          ))}
        </ul>
        <p>{summary}</p>
      </figcaption>
      <div className="chart-plot" aria-hidden="true">
        <Plot {...props} />
      </div>
      <details>
        <summary>As a table</summary>
        <div className="chart-table" tabIndex={0} role="region" aria-label={`${title}, as a table`}>
          <table>
            <thead>
              <tr>
                <th scope="col">From</th>
                {series.map(({ name }) => (
                  <th key={name} scope="col">
                    {name}
                  </th>
                ))}
              </tr>
            </thead>
            <tbody>
              {times.map((at, index) => (
                <tr key={at}>
                  <th scope="row">{time.format(new Date(at * 1_000))}</th>
                  {series.map(({ name, values }) => {
                    const value = values[index] ?? null;
                    return <td key={name}>{value === null ? "" : format(value)}</td>;
                  })}
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      </details>
    </figure>
  );
}
