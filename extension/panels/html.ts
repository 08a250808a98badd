import { randomBytes } from 'node:crypto';

export interface PageFiles {
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
<meta http-equiv="Content-Security-Policy" content="${escape(policy)}">
<meta property="csp-nonce" content="${nonce}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escape(title)}</title>
<link rel="stylesheet" href="${escape(style)}">
</head>
<body>
<script type="module" nonce="${nonce}" src="${escape(script)}"></script>
</body>
</html>
`;
}

const escape = (text: string): string => text.replace(/[&<>"]/g, (c) => `&#${c.charCodeAt(0)};`);
