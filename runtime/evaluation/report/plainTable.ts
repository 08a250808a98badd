import { html, type Html } from './html.js';

/** A table of text whose rows begin with what they are about. */
export function plainTable(columns: readonly string[], rows: readonly (readonly (string | number | Html)[])[]): Html {
  return html`<div class="scroll">
    <table>
      <thead>
        <tr>
          ${columns.map((column) => html`<th scope="col">${column}</th>`)}
        </tr>
      </thead>
      <tbody>
        ${rows.map(
          ([about, ...cells]) =>
            html`<tr>
              <th scope="row">${about}</th>
              ${cells.map((cell) => html`<td>${cell}</td>`)}
            </tr>`,
        )}
      </tbody>
    </table>
  </div>`;
}
