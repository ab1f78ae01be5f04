/** Style sheet of the page, allowed by its hash. Below 60rem each row of the table is a card. */
export const PAGE_STYLE = `
:root {
  color-scheme: light dark;
  --text: #1b1f24; --faint: #5a6370; --back: #fff; --line: #d5dae0; --empty: #e6e9ed;
  --good: #1a7f37; --part: #b8860b; --bad: #c62828;
}
@media (prefers-color-scheme: dark) {
  :root {
    --text: #e6e9ed; --faint: #9aa4b0; --back: #14171b; --line: #353b43; --empty: #2a2f36;
    --good: #4fb866; --part: #d4a72c; --bad: #ff7b72;
  }
}
body {
  margin: 0 auto; padding: 1rem 1.5rem; max-width: 90rem; color: var(--text); background: var(--back);
  font: 16px/1.45 system-ui, sans-serif; overflow-wrap: anywhere; -webkit-text-size-adjust: 100%;
}
header { display: flex; flex-wrap: wrap; align-items: baseline; gap: 0 1rem; }
h1 { font-size: 1.4rem; margin: 0; }
h2 { font-size: 1.1rem; margin: 1.5rem 0 .5rem; }
small, time, dd, footer, #live { color: var(--faint); font-size: .85rem; }
th { font-weight: 600; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
th, td { text-align: left; vertical-align: top; padding: .4rem 1rem .4rem 0; border-bottom: 1px solid var(--line); }
thead th { color: var(--faint); font-size: .85rem; white-space: nowrap; overflow-wrap: normal; }
th small, td small { display: block; font-weight: 400; white-space: nowrap; }
tr.stale td, tr.unknown td { color: var(--faint); }
.fresh.state { color: var(--good); }
.state::before { content: "\\25CF\\00A0"; }
.stale.state, strong.stale, .notice, #live.stale { color: var(--bad); }
.state.stale::before { content: "\\25CB\\00A0"; }
.strip { display: block; background: var(--empty); }
.hour { width: clamp(8rem, 18vw, 16rem); height: 1rem; margin: .2rem 0; }
.day { width: clamp(8rem, 18vw, 16rem); height: .35rem; }
.beat { fill: var(--good); }
.partly { fill: var(--part); }
.missed { fill: var(--bad); }
ul.notes { list-style: none; padding: 0; margin: 0; }
.notes li { display: grid; grid-template-columns: 6rem 1fr; padding: .2rem 0; }
.notes pre {
  grid-column: 2; margin: .2rem 0; max-height: 8rem; overflow: auto; white-space: pre-wrap; font-size: .8rem;
}
dd { margin: 0 0 .5rem; }
@media (max-width: 60rem) {
  body { padding: .75rem 1rem; }
  table, tbody, tr, th, td { display: block; }
  thead { display: none; }
  tr { border: 1px solid var(--line); border-radius: .4rem; padding: .5rem .75rem; margin-bottom: .75rem; }
  th, td { border: 0; padding: .1rem 0; }
  td { display: grid; grid-template-columns: 7rem 1fr; }
  td::before { content: attr(data-label); color: var(--faint); grid-row: span 2; }
  td:empty { display: none; }
  td small, th small { display: inline; }
  th small { float: right; }
  td > small { grid-column: 2; }
  .hour, .day { width: 100%; grid-column: 2; }
  .notes li { grid-template-columns: 5.5rem 1fr; }
}
`;
