import { randomBytes } from 'node:crypto';
import { escapeMarkup } from '../../runtime/contract/markup.js';

interface PageFiles {
  /** As the page may load them: `webview.asWebviewUri`. */
  script: string;
  style: string;
  /** `webview.cspSource`. */
  source: string;
  title: string;
}

export const newNonce = (): string => randomBytes(16).toString('base64url');

/** The whole document of a page: everything else in it is made by its script, from data, as text. */
export function pageHtml({ script, style, source, title }: PageFiles, nonce: string): string {
  const policy = [
    `default-src 'none'`,
    `script-src 'nonce-${nonce}'`,
    `style-src ${source} 'nonce-${nonce}'`,
    `font-src ${source}`,
    `img-src ${source} data:`,
  ].join('; ');
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${escapeMarkup(policy)}">
<meta property="csp-nonce" content="${nonce}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escapeMarkup(title)}</title>
<link rel="stylesheet" href="${escapeMarkup(style)}">
</head>
<body>
<script type="module" nonce="${nonce}" src="${escapeMarkup(script)}"></script>
</body>
</html>
`;
}
