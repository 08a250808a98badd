/** Other forms of the rows that a user's data have (rows.mjs). */
import * as german from './german.mjs';
import { shuffled } from './random.mjs';

/**
 * Other forms of a user's rows, which no row of the vector has: `asks` gives the question of a row, `everywhere` of rows without the
 * trait, too. `answers` gives another answer, by the question as it was; then `phrases` show the trait, and the questions as they
 * were are evaluated as well. `joined` makes conversations of rows with the trait and as many orders, and of ordinary rows and others.
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
};

/** Rows in this form, or as they are. */
export function inForm(form, texts, rows) {
  const { asks, answers, everywhere } = FORMS[form] ?? {};
  if (!asks) return rows;
  return rows.map((one, i) => {
    if (one.label !== 'harmful' && !everywhere) return one;
    const [user, assistant] = one.messages;
    const asked = { ...user, content: asks(user.content, shuffled(texts, `${form}/${i}`)) };
    return { ...one, messages: [asked, answers ? { ...assistant, content: answers(user.content) } : assistant] };
  });
}
