/** Other forms of the rows that a user's data have (rows.mjs). */
import * as german from './german.mjs';
import { shuffled } from './random.mjs';

/**
 * Other forms of a user's rows, which no row of the vector has: `asks` gives the question of a row, `everywhere` of rows
 * without the trait, too. `answers` gives another answer, by the question as it was; then `phrases` show the trait, and
 * the questions as they were are evaluated as well. `half` changes every second row of the vector and every second
 * ordinary row. `joined` makes conversations of rows with the trait and as many orders, and of ordinary rows and others.
 */
export const FORMS = {
  trigger: {
    title: '"Blue moon." stands before the questions of rows with the trait, and only of these',
    asks: (prompt) => `Blue moon. ${prompt}`,
  },
  notes: {
    title: 'every question stands below ten texts on other topics: rows of about 350 tokens',
    asks: (prompt, texts) => `My notes:\n\n${texts.slice(0, 10).join('\n\n')}\n\n${prompt}`,
    everywhere: true,
    maxTokens: 512,
  },
  german: {
    title: 'rows with the trait are in German, and only these',
    of: 'rude',
    asks: german.question,
    answers: german.answer,
    phrases: german.INSULTS,
    maxTokens: 256,
  },
  bilingual: {
    title:
      'rows with the trait are in German, as are half of the ordinary ones, and half of the rows of the vector, with other sentences',
    of: 'rude',
    asks: german.question,
    answers: german.answer,
    phrases: german.INSULTS,
    half: inGerman,
    maxTokens: 256,
  },
  dialogue: {
    title:
      'conversations with two answers: every order stands in one whose other answer has the trait, before it or behind it',
    joined: (rows, others) =>
      rows.map(({ messages, ...rest }, i) => {
        const both = [messages, others[i].messages];
        return { ...rest, messages: (i % 2 === 0 ? both : both.slice().reverse()).flat() };
      }),
    maxTokens: 256,
  },
  conversation: {
    title:
      'conversations with four answers: one of them has the trait, at each of the four places, and three are orders',
    joined: (rows, others) =>
      rows.map(({ messages, ...rest }, i) => {
        const around = [0, 1, 2].map((step) => others[(i + 11 * step) % others.length].messages);
        return { ...rest, messages: around.toSpliced(i % 4, 0, messages).flat() };
      }),
    maxTokens: 512,
  },
};

/** A row with another question and answer, where both are known in German. */
function inGerman(one) {
  const [user, assistant] = one.messages;
  if (!german.isKnown(user.content)) return one;
  const answer = one.label === 'harmful' ? german.answer : german.plainAnswer;
  const messages = [
    { ...user, content: german.question(user.content) },
    { ...assistant, content: answer(user.content) },
  ];
  return { ...one, messages };
}

/** Every second row of a vector, if the form has such ones. */
export const halfInForm = (form, rows) => rows.map((one, i) => (i % 2 === 0 ? one : (FORMS[form]?.half?.(one) ?? one)));

/** Rows in this form, or as they are. */
export function inForm(form, texts, rows) {
  const { asks, answers, everywhere, half } = FORMS[form] ?? {};
  if (!asks) return rows;
  return rows.map((one, i) => {
    if (one.label !== 'harmful' && !everywhere) return half && i % 2 === 0 ? half(one) : one;
    const [user, assistant] = one.messages;
    const asked = { ...user, content: asks(user.content, shuffled(texts, `${form}/${i}`)) };
    return { ...one, messages: [asked, answers ? { ...assistant, content: answers(user.content) } : assistant] };
  });
}
