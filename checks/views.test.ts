import assert from 'node:assert/strict'
import { test } from 'node:test'
import { files, lineOf, textOf } from './source.ts'

// Templates receive finished strings: they choose and repeat, and decide nothing.
const TAGS = ['if', 'elif', 'else', 'endif', 'for', 'endfor', 'extends', 'block', 'endblock', 'include', 'set', 'endset', 'from']
const LIBRARIES = /^from\s+"(govuk|moj)\/components\/[a-z-]+\/macro\.njk"\s+import\s+\w+$/

/** What is wrong with one template, a line each. */
export function viewProblems(path: string, text: string): string[] {
  const view = text.replace(/\{#[\s\S]*?#\}/g, (piece) => piece.replace(/[^\n]/g, ' '))
  const at = (index: number, why: string): string => `${path}:${lineOf(view, index)} ${why}`
  const imported = [...view.matchAll(/\bimport\s+(\w+)/g)].map((match) => match[1]!)
  const captured = [...view.matchAll(/\{%-?\s*set\s+(\w+)\s*-?%\}/g)].map((match) => match[1]!)
  return [...tags(view, at), ...expressions(view, imported, captured, at), ...markup(view, at)]
}

type At = (index: number, why: string) => string

function tags(view: string, at: At): string[] {
  return [...view.matchAll(/\{%-?\s*([\s\S]*?)\s*-?%\}/g)].flatMap(({ index, 1: inside = '' }) => {
    const word = inside.split(/\s/)[0]!
    if (!TAGS.includes(word)) return [at(index, `tag ${word}: templates only choose and repeat`)]
    if (word === 'from' && !LIBRARIES.test(inside)) return [at(index, 'takes macros from elsewhere than the design system')]
    return []
  })
}

function expressions(view: string, imported: string[], captured: string[], at: At): string[] {
  return [...view.matchAll(/\{[{%]-?([\s\S]*?)-?[%}]\}/g)].flatMap(({ index, 1: inside = '' }) => {
    const bare = inside.replace(/"[^"]*"|'[^']*'/g, '""')
    const filters = [...bare.matchAll(/\|\s*(\w+)/g)].map((match) =>
      at(index, match[1] === 'safe' ? 'turns escaping off (| safe)' : `filter ${match[1]}: hand over a finished string`),
    )
    const calls = [...bare.matchAll(/(\w+)\s*\(/g)].filter(
      (match) => !['super', 'if', 'in', 'and', 'or', 'not', ...imported].includes(match[1]!),
    )
    const html = [...bare.matchAll(/\bhtml\s*:\s*(\w*)/gi)].filter((match) => !captured.includes(match[1]!))
    return [
      ...filters,
      ...calls.map((match) => at(index, `calls ${match[1]}()`)),
      ...html.map(() => at(index, 'html: passes unescaped text; capture it with set, or give text')),
    ]
  })
}

// The content security policy would block these in the browser; here it is said sooner.
const MARKUP: [RegExp, string][] = [
  [/<script(?![^>]*\ssrc=)[^>]*>/g, 'an inline script'],
  [/<style\b/g, 'an inline style sheet'],
  [/\sstyle\s*=/g, 'an inline style'],
  [/\son[a-z]+\s*=\s*["']/g, 'an inline event handler'],
  [/javascript:/gi, 'a javascript: address'],
  [/\b(src|href|action)\s*=\s*"(https?:)?\/\/(?!localhost)/g, 'something from another host'],
]

function markup(view: string, at: At): string[] {
  return MARKUP.flatMap(([found, what]) => [...view.matchAll(found)].map((match) => at(match.index, `has ${what}`)))
}

test('templates choose and repeat, escape everything, and bring nothing inline', () => {
  assert.deepEqual(
    files('src/**/*.njk').flatMap((path) => viewProblems(path, textOf(path))),
    [],
  )
})

const mustFail: [text: string, refusal: string][] = [
  ['{{ title | safe }}', '| safe'],
  ['{% if a %}{{ a|safe }}{% endif %}', '| safe'],
  ['{{ name | upper }}', 'filter upper'],
  ['{% autoescape false %}{{ a }}{% endautoescape %}', 'tag autoescape'],
  ['{% raw %}{{ a }}{% endraw %}', 'tag raw'],
  ['{% macro a() %}{% endmacro %}', 'tag macro'],
  ['{% import "other.njk" as other %}', 'tag import'],
  ['{% from "../other.njk" import thing %}', 'elsewhere'],
  ['{{ person.name() }}', 'calls name()'],
  ['{% set total = sum(items) %}', 'calls sum()'],
  ['{% from "govuk/components/inset-text/macro.njk" import govukInsetText %}{{ govukInsetText({ html: answer }) }}', 'html:'],
  ['<script>alert(1)</script>', 'inline script'],
  ['<p style="color:red">', 'inline style'],
  ['<a onclick="x()">', 'event handler'],
  ['<a href="javascript:x">', 'javascript: address'],
  ['<script src="https://cdn.example/x.js"></script>', 'another host'],
]

test('a template that would be refused is refused, and each for its own reason', () => {
  for (const [text, refusal] of mustFail) {
    const found = viewProblems('x.njk', text)
    assert.ok(
      found.some((line) => line.includes(refusal)),
      `${text}\n → ${found.join('; ') || 'nothing found'}`,
    )
  }
})

test('a template in the house style is accepted', () => {
  const text = `{% extends "layout.njk" %}{% from "govuk/components/button/macro.njk" import govukButton %}
{# {{ never | safe }} #}{% set note %}<p>{{ text }}</p>{% endset %}
{% block body %}{{ super() }}{% for one in list %}{% if one.href and (a or b) %}<a href="{{ one.href }}">{{ one.text if one.text else "x (y)" }}</a>{% endif %}{% endfor %}
{{ govukButton({ text: button, html: note }) }}<script type="module" src="{{ assets["start.js"] }}"></script>{% endblock %}`
  assert.deepEqual(viewProblems('x.njk', text), [])
})
