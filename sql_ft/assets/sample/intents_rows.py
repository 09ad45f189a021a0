"""What can be asked about the rows of one table: plain lists, filters, ordering, distinct.

The form is explained in `sql_ft.assets.sample.intents`. Conventions: a column is
repeated rows and all unless the question says "different", "distinct", "unique" or
"no repeats"; a superlative asks for one row and means ORDER BY … LIMIT 1.
"""

SELECT = """
select_two: t=table; c=name t; e=other t
= SELECT {c}, {e} FROM {t}
- List the {c.say} and {e.say} of every {t.one}.
- For all {t.many}, show {c.say} and {e.say}.
- I want an overview of the {t.many}: {c.say} plus {e.say}.
- Dump the {c.say} and the {e.say} for each {t.one} on file.
- What {c.say} and {e.say} does each {t.one} have?
- Print the {c.says} of our {t.many}, each next to {t.its} {e.say}.

select_one: t=table; c=show t
= SELECT {c} FROM {t}
- Show the {c.says} of all {t.many}.
- Give me the {c.say} of each {t.one} we have on record.
- What are the {c.says} of the {t.many}?
- Run off a plain list of {t.one} {c.says}.
- Read out the {c.say} for every single {t.one}.

select_three: t=table; c=name t; e=other t; x=other t
= SELECT {c}, {e}, {x} FROM {t}
- Export {c.say}, {e.say} and {x.say} for all {t.many}.
- I need three columns on our {t.many}: {c.say}, {e.say} and {x.say}.
- For every {t.one}, what are the {c.say}, the {e.say} and the {x.say}?
- Put together a sheet of {t.many} with {c.say}, {e.say} and {x.say}.
- Show each {t.one} with {t.its} {c.say}, {t.its} {e.say} and {t.its} {x.say}.
"""

FILTER = """
filter_eq: t=table; c=show t; k=cat t; v=eq k
= SELECT {c} FROM {t} WHERE {k} {v}
- List the {c.says} of all {t.many} {v.post}.
- What are the {c.says} of the {t.many} {t.who} {v.pred}?
- I need the {c.say} of every {t.one} {v.post}.
- Pull the {c.says} for {t.many} {v.post}.
- Can you look up the {c.say} for each {t.one} {v.post}?
- For {t.many} {v.post}, show me the {c.says}.

filter_num: t=table; c=show t; n=num t; v=cmp n
= SELECT {c} FROM {t} WHERE {n} {v}
- Which {t.many} {v.pred}? Give the {c.says}.
- Give me the {c.says} of {t.many} {v.post}.
- Show the {c.say} of any {t.one} {v.post}.
- We want to see the {c.says} of those {t.many} {t.who} {v.pred}.
- Find the {t.many} {v.post} and return their {c.says}.
- Only {t.many} {v.post} matter here: list their {c.says}.

filter_two: t=table; c=name t; e=other t; k=cat t; v=eq k
= SELECT {c}, {e} FROM {t} WHERE {k} {v}
- Show the {c.say} and {e.say} of every {t.one} {v.post}.
- For each {t.one} {v.post}, give both {c.say} and {e.say}.
- What {c.say} and {e.say} do we hold for {t.many} {v.post}?
- Print {c.say} next to {e.say} for the {t.many} {v.post}.
- I'd like two columns, {c.say} and {e.say}, covering all {t.many} {v.post}.

filter_and: t=table; c=show t; k=cat t; v=eq k; n=num t; w=cmp n
= SELECT {c} FROM {t} WHERE {k} {v} AND {n} {w}
- List the {c.says} of {t.many} {v.post} that also {w.pred}.
- Among {t.many} {v.post}, which {w.pred}? Return the {c.says}.
- Narrow the {t.many} down to those {t.who} {v.pred} and {w.pred}, and show the {c.says}.
- Give the {c.say} of each {t.one} {v.post}, provided {t.its} {n.say} {w.isform}.
- Two conditions apply to the {t.many}: {k.say} {v.val}, and {n.a} {w.with}. List the {c.says}.
- Which {t.many} {t.who} {v.pred} also {w.pred}? I need the {c.says}.

filter_or: t=table; c=show t; k=cat t; v,w=two k
= SELECT {c} FROM {t} WHERE {k} {v} OR {k} {w}
- List the {c.says} of {t.many} whose {k.say} is either {v.val} or {w.val}.
- Give the {c.say} of every {t.one} with {v.val} or {w.val} as {t.its} {k.say}.
- Which {t.many} fall under {k.say} {v.val} or {k.say} {w.val}? Show the {c.says}.
- I only care about {t.many} where the {k.say} reads {v.val} or {w.val}; get their {c.says}.
- Fetch {t.one} {c.says} for both {k.says}, {v.val} as well as {w.val}.

filter_or_mixed: t=table; c=show t; k=cat t; v=eq k; n=num t; w=cmp n
= SELECT {c} FROM {t} WHERE {k} {v} OR {n} {w}
- Show the {c.says} of {t.many} {t.who} {v.pred} or {w.pred}.
- Flag every {t.one} if {t.its} {k.say} is {v.val} or {t.its} {n.say} {w.isform}; list the {c.says}.
- Which {t.many} meet at least one test: {k.say} {v.val}, or {n.a} {w.with}? Give the {c.says}.
- Give the {c.says} of {t.many} {v.post}, plus any other {t.many} {w.post}.
- Either {k.say} {v.val} or {n.a} {w.with} is enough: which {t.one} {c.says} qualify?

filter_in: t=table; c=show t; k=cat t; v=some k
= SELECT {c} FROM {t} WHERE {k} {v}
- List the {c.says} of {t.many} whose {k.say} is one of {v.any}.
- Give the {c.say} of every {t.one} with {k.say} {v.any}.
- Take {v.all} as {k.says}: which {t.many} belong there? Show their {c.says}.
- For the {k.says} {v.all}, fetch all {t.one} {c.says}.
- Which {t.many} have {v.any} as their {k.say}? Return the {c.says}.

filter_ne: t=table; c=show t; k=cat t; v=ne k
= SELECT {c} FROM {t} WHERE {k} {v}
- List the {c.says} of {t.many} whose {k.say} is anything but {v.val}.
- Leaving out {k.say} {v.val}, what are the {c.says} of the {t.many}?
- Give the {c.say} of every {t.one} except those with {k.say} {v.val}.
- Which {t.many} do not have {v.val} as their {k.say}? Show the {c.says}.
- Show {t.one} {c.says} where the {k.say} differs from {v.val}.
- We are not interested in {k.say} {v.val}: list the {c.says} of all other {t.many}.

filter_between: t=table; c=show t; n=num t; v=between n
= SELECT {c} FROM {t} WHERE {n} {v}
- List the {c.says} of {t.many} with {n.a} between {v.low} and {v.high}.
- Which {t.many} have {n.a} from {v.low} to {v.high}, both ends included? Give the {c.says}.
- Show the {c.say} of each {t.one} whose {n.say} lies in the range {v.low} to {v.high}.
- Give the {c.says} of {t.many} where the {n.say} is no lower than {v.low} and no higher than
  {v.high}.
- Find {t.many} in the {v.low}-{v.high} band by {n.say} and list their {c.says}.

filter_contains: t=table; l=title t; v=part l
= SELECT {l} FROM {t} WHERE {l} {v}
- Which {t.one} {l.says} contain {v.val}?
- List every {t.one} {l.say} with {v.val} somewhere in it.
- Search the {t.many} for {l.says} that include the text {v.val}.
- Show {t.one} {l.says} in which {v.val} appears.
- Are there {t.many} with {v.val} in the {l.say}? List those {l.says}.

filter_prefix: t=table; l=title t; v=prefix l; e=other t
= SELECT {l}, {e} FROM {t} WHERE {l} {v}
- Show {l.say} and {e.say} of the {t.many} whose {l.say} starts with {v.val}.
- For each {t.one} with {l.a} beginning with {v.val}, give {l.say} and {e.say}.
- List the {t.many} filed under the opening letters {v.val} by {l.say}, with {l.say} and {e.say}.
- Which {t.one} {l.says} start with {v.val}, and what is the {e.say} of each?
- {t.many}: {l.say} plus {e.say}, but only where the {l.say} opens with {v.val}.

filter_blank: t=table; c=show t; u=blank t
= SELECT {c} FROM {t} WHERE {u} IS NULL
- List the {c.says} of {t.many} with no {u.say} on record.
- Which {t.many} are missing {u.a}? Give the {c.says}.
- For which {t.many} was the {u.say} never filled in? Show the {c.says}.
- Show the {c.say} of every {t.one} {t.who} still lacks {u.a}.
- Chase up the {t.many} whose {u.say} is blank: I need their {c.says}.

filter_filled: t=table; c=show t; u=blank t
= SELECT {c} FROM {t} WHERE NOT {u} IS NULL
- List the {c.says} of {t.many} {t.who} do have {u.a} recorded.
- For which {t.many} is the {u.say} known? Give the {c.says}.
- Show the {c.say} of every {t.one} whose {u.say} has been filled in.
- Skip the {t.many} without {u.a} and list the {c.says} of the rest.
- Which {t.one} {c.says} come with {u.a} on file?

filter_three: t=table; c=show t; k=cat t; v=eq k; x=cat t; y=eq x; n=num t; w=cmp n
= SELECT {c} FROM {t} WHERE {k} {v} AND {x} {y} AND {n} {w}
- List the {c.says} of {t.many} with {k.say} {v.val}, {x.say} {y.val} and {n.a} {w.with}.
- Show the {c.say} of each {t.one} {v.post}, as long as the {x.say} is {y.val} and the {n.say}
  {w.isform}.
- All of these must hold: {k.say} {v.val}; {x.say} {y.val}; {n.say} {w.cmp}. Which {t.one}
  {c.says} are left?
- Apply three filters to the {t.many} ({k.say} {v.val}, {x.say} {y.val}, {n.say} {w.cmp}) and
  list the {c.says}.
- Which {t.many} {v.post} have {y.val} as their {x.say} and {n.a} {w.with}? {c.says} only.

filter_calc: t=table; c=show t; o=calc t
= SELECT {c}, {o} FROM {t}
- For each {t.one}, show the {c.say} and the {o.say}.
- Work out the {o.say} for every {t.one} and put the {c.say} in front.
- List {t.one} {c.says} together with {o.say}.
- What does {o.say} come to per {t.one}? Show {c.say}, then the result.
- Give me two columns for the {t.many}: {c.say}, and {o.say}.
"""

ORDER = """
order_asc: t=table; c=name t; n=num t
= SELECT {c} FROM {t} ORDER BY {n}
- List the {c.says} of all {t.many}, lowest {n.say} first.
- Show {t.one} {c.says} sorted by {n.say} in ascending order.
- Order the {t.many} by rising {n.say} and give the {c.says}.
- Give me the {c.says} of the {t.many}, arranged from the smallest {n.say} to the largest.
- Put the {t.many} in order of {n.say}, starting from the bottom, and list the {c.says}.

order_desc: t=table; c=name t; n=num t
= SELECT {c} FROM {t} ORDER BY {n} DESC
- List the {c.says} of all {t.many}, highest {n.say} first.
- Show {t.one} {c.says} in descending order of {n.say}.
- Rank the {t.many} by {n.say} from top to bottom and give the {c.says}.
- I want the {c.says} of the {t.many} with the biggest {n.say} on top and the smallest at the end.
- Sort the {t.many} by {n.say}, largest to smallest, and print their {c.says}.

order_adjective: t=table; c=name t; n,z=extreme t
= SELECT {c} FROM {t} ORDER BY {n}{z}
- Rank the {t.many} from {z.say} to {z.other}, showing the {c.says}.
- List {t.one} {c.says} starting with the {z.say} and ending with the {z.other}.
- Line up all {t.many}, {z.say} first, and show the {c.says}.
- Give the {c.says} of our {t.many} in order, {z.say} to {z.other}.
- What would a list of {t.one} {c.says} look like with the {z.say} on top?

order_top_adjective: t=table; c=name t; n,z=extreme t
= SELECT {c} FROM {t} ORDER BY {n}{z} LIMIT 1
- What is the {c.say} of the {z.say} {t.one}?
- Name the {z.say} {t.one} ({t.its} {c.say}).
- Which {t.one} is the {z.say}? Give the {c.say}.
- Find the single {z.say} {t.one} and return {t.its} {c.say}.
- Among all {t.many}, which one is the {z.say}? I need the {c.say} only.

order_top: t=table; c=show t; n=num t; m=most
= SELECT {c} FROM {t} ORDER BY {n}{m} LIMIT 1
- What is the {c.say} of the {t.one} with the {m.say} {n.say}?
- Which {t.one} has the {m.say} {n.say}? Show {t.its} {c.say}.
- Give the {c.say} of whichever {t.one} holds the {m.say} {n.say}.
- Find the {t.one} with the {m.say} {n.say} and tell me the {c.say}.
- Looking at {n.say}, which {t.one} comes out {m.say}? Just the {c.say}.

order_top_two: t=table; c=name t; n=num t; m=most
= SELECT {c}, {n} FROM {t} ORDER BY {n}{m} LIMIT 1
- Show the {c.say} and {n.say} of the {t.one} with the {m.say} {n.say}.
- Which {t.one} has the {m.say} {n.say}, and how much is it? Give {c.say} and {n.say}.
- Report {c.say} plus {n.say} for the one {t.one} whose {n.say} is {m.say}.
- The {t.one} with the {m.say} {n.say}: what are {t.its} {c.say} and {n.say}?
- Identify the {t.one} with the {m.say} {n.say}; I want both {t.its} {c.say} and {t.its} {n.say}.

order_limit: t=table; c=name t; n=num t; m=most; q=limit
= SELECT {c} FROM {t} ORDER BY {n}{m} LIMIT {q}
- List the {c.says} of the {q.say} {t.many} with the {m.say} {n.say}.
- What are the {c.says} of the {q.say} {t.many} {m.say} in {n.say}?
- Give me {q.say} {t.one} {c.says}, picked by {m.say} {n.say}.
- Which {q.say} {t.many} have the {m.say} {n.say}? Return the {c.says}.
- By {m.say} {n.say}, pick out {q.say} {t.many} and show their {c.says}.

order_limit_adjective: t=table; c=name t; n,z=extreme t; q=limit
= SELECT {c} FROM {t} ORDER BY {n}{z} LIMIT {q}
- What are the {c.says} of the {q.say} {z.say} {t.many}?
- Show me the {q.say} {z.say} {t.many}, {c.say} only.
- Give the {c.says} of our {q.say} {z.say} {t.many}.
- Shortlist {q.say} {t.many}, the {z.say} ones, and list their {c.says}.
- Limit the list of {t.many} to the {z.say} {q.say} and return the {c.says}.

order_filter: t=table; c=name t; k=cat t; v=eq k; n=num t
= SELECT {c} FROM {t} WHERE {k} {v} ORDER BY {n} DESC
- List the {c.says} of {t.many} {v.post}, highest {n.say} first.
- For {t.many} {v.post}, show the {c.says} in descending order of {n.say}.
- Take the {t.many} {t.who} {v.pred}, sort them from largest to smallest {n.say}, and give the
  {c.says}.
- Rank {t.many} {v.post} by {n.say}, top first: {c.says} only.
- Which {t.many} {v.pred}? Order their {c.says} from the greatest {n.say} down.

order_filter_top: t=table; c=name t; k=cat t; v=eq k; n=num t; m=most
= SELECT {c} FROM {t} WHERE {k} {v} ORDER BY {n}{m} LIMIT 1
- Of all {t.many} {v.post}, which has the {m.say} {n.say}? Give the {c.say}.
- What is the {c.say} of the {t.one} with the {m.say} {n.say} among those {v.post}?
- Within {k.say} {v.val}, find the {t.one} with the {m.say} {n.say} and show {t.its} {c.say}.
- Consider only {t.many} {v.post}: name the one with the {m.say} {n.say} by {t.its} {c.say}.
- The {m.say} {n.say} for {k.say} {v.val} belongs to which {t.one}? Return the {c.say}.

order_two_columns: t=table; c=name t; n=num t
= SELECT {c}, {n} FROM {t} ORDER BY {n} DESC
- Show {c.say} and {n.say} of all {t.many}, highest {n.say} first.
- Build a league table of {t.many}: {c.say} and {n.say}, highest {n.say} on top.
- List each {t.one} with {t.its} {c.say} and {n.say}, in descending order of {n.say}.
- Give me the {t.many} ranked by {n.say} from high to low, with {c.say} and {n.say} shown.
- {c.say} and {n.say} for every {t.one}, please, largest {n.say} at the top.

order_alphabet: t=table; l=title t
= SELECT {l} FROM {t} ORDER BY {l}
- List all {t.one} {l.says} in alphabetical order.
- Give me the {l.says} of the {t.many} from A to Z.
- Sort the {t.many} alphabetically by {l.say} and show just that.
- Show every {t.one} {l.say}, alphabetised.
- An A-to-Z of {t.one} {l.says}, please.
"""

DISTINCT = """
distinct_list: t=table; k=cat t
= SELECT DISTINCT {k} FROM {t}
- What different {k.says} occur among the {t.many}?
- List each {t.one} {k.say} once.
- Which distinct {k.says} do our {t.many} have?
- Show the {k.says} found in the {t.many}, without repeats.
- Give me the unique {k.says} of all {t.many}.
- What range of {k.says} do the {t.many} cover? No duplicates, please.

distinct_count: t=table; k=cat t
= SELECT COUNT(DISTINCT {k}) FROM {t}
- How many different {k.says} are there among the {t.many}?
- Count the distinct {k.says} of our {t.many}.
- Across all {t.many}, how many unique {k.says} do we see?
- What is the number of separate {k.says} covered by the {t.many}?
- If every {k.say} is counted once, how many do the {t.many} have between them?

distinct_where: t=table; k=cat t; n=num t; v=cmp n
= SELECT DISTINCT {k} FROM {t} WHERE {n} {v}
- Which different {k.says} do {t.many} {v.post} have?
- List, without repeats, the {k.says} of {t.many} {v.post}.
- For {t.many} {t.who} {v.pred}, what are the distinct {k.says}?
- Show each {k.say} once, looking only at {t.many} {v.post}.
- Give me the unique {k.says} found among {t.many} {v.post}.

distinct_where_eq: t=table; k=cat t; x=cat t; v=eq x
= SELECT DISTINCT {k} FROM {t} WHERE {x} {v}
- Which different {k.says} occur for {t.many} {v.post}?
- Name every distinct {k.say} seen in {t.many} {v.post}.
- What {k.says} do the {t.many} {t.who} {v.pred} have? Each one only once.
- Without duplicates, list the {k.says} of the {t.many} {v.post}.
- Among {t.many} {v.post}, which unique {k.says} turn up?

distinct_pair: t=table; k=cat t; x=cat t
= SELECT DISTINCT {k}, {x} FROM {t}
- What different combinations of {k.say} and {x.say} exist among the {t.many}?
- List every distinct pairing of {k.say} with {x.say} for the {t.many}.
- Show each {k.say} and {x.say} pair in the {t.many} just once.
- Which unique {k.say} and {x.say} combinations do our {t.many} cover?
- Looking at the {t.many}, which pairs of {k.say} and {x.say} turn up? Drop the repeats.

distinct_count_where: t=table; k=cat t; x=cat t; v=eq x
= SELECT COUNT(DISTINCT {k}) FROM {t} WHERE {x} {v}
- How many different {k.says} do {t.many} {v.post} have?
- For {t.many} {v.post}, count the distinct {k.says}.
- Count each {k.say} once: how many are there among {t.many} {v.post}?
- What is the number of unique {k.says} across {t.many} {v.post}?
- Among the {t.many} {t.who} {v.pred}, how many separate {k.says} are found?
"""
