"""What can be asked across tables: joins, nested queries, set operations.

The form is explained in `sql_ft.assets.sample.intents`. In joins the rows that
point (children) are T1 and the rows pointed at (parents) T2. Conventions: a join
lists one line for each child row unless the question says "different" or "once";
questions about parents that have some child use IN, so that no parent is repeated.
"""

JOIN = """
join_filter: a,b,f,p=link; c=show a; k=label b; v=eq k
= SELECT T1.{c} FROM {a} AS T1 JOIN {b} AS T2 ON T1.{f} = T2.{p} WHERE T2.{k} {v}
- List the {c.says} of {a.many} {f.rel} {b.many} {v.post}.
- Which {a.many} are linked to {b.a_one} {v.post}? Give their {c.says}.
- Show the {c.say} of every {a.one} {f.rel} {b.a_one} {v.post}.
- Get {a.one} {c.says} where the {b.one} {k.say} is {v.val}.
- For {b.many} {v.post}, list the {c.says} of their {a.many}.
- I need {a.one} {c.says}, but only those with {v.val} as the {b.one} {k.say}.

join_parent: a,b,f,p=link; l=label a; v=eq l; c=show b
= SELECT T2.{c} FROM {a} AS T1 JOIN {b} AS T2 ON T1.{f} = T2.{p} WHERE T1.{l} {v}
- For each {a.one} {v.post}, what is the {c.say} of {a.its} {b.one}?
- Look up the {b.one} {c.say} for every {a.one} {v.post}.
- Go through the {a.many} {v.post} and give the {b.one} {c.say} for each of them.
- Starting from {a.many} {v.post}, read off the {b.one} {c.say} line by line.
- One line per {a.one} {v.post}: show the {b.one} {c.say}.

join_list: a,b,f,p=link; c=show a; e=label b
= SELECT T1.{c}, T2.{e} FROM {a} AS T1 JOIN {b} AS T2 ON T1.{f} = T2.{p}
- List each {a.one} {c.say} together with the {b.one} {e.say}.
- For every {a.one}, show {a.its} {c.say} and the {e.say} of {a.its} {b.one}.
- Match the {a.many} with their {b.many}: {a.one} {c.say}, then {b.one} {e.say}.
- Show {a.one} {c.says} and next to them the {e.say} of the {b.one} concerned.
- Give me {a.one} {c.say} and {b.one} {e.say} side by side.

join_list_where: a,b,f,p=link; c=show a; e=label b; n=num a; v=cmp n
= SELECT T1.{c}, T2.{e} FROM {a} AS T1 JOIN {b} AS T2 ON T1.{f} = T2.{p} WHERE T1.{n} {v}
- For {a.many} {v.post}, show the {c.say} and the {b.one} {e.say}.
- List {a.one} {c.say} and {b.one} {e.say} where the {a.one} {n.say} {v.isform}.
- Which {a.many} {v.pred}, and what is the {b.one} {e.say} for each? Put {a.one} {c.say} first.
- Pair the {c.say} of each {a.one} {v.post} with the {e.say} of {a.its} {b.one}.
- I'd like {a.one} {c.say} plus {b.one} {e.say} for every {a.one} {v.post}.

join_count: a,b,f,p=link; k=label b; v=eq k
= SELECT COUNT(*) FROM {a} AS T1 JOIN {b} AS T2 ON T1.{f} = T2.{p} WHERE T2.{k} {v}
- How many {a.many} are {f.rel} {b.many} {v.post}?
- Count the {a.many} {f.rel} {b.many} {v.post}.
- What is the number of {a.many} whose {b.one} {k.say} is {v.val}?
- For {b.many} {v.post}, how many {a.many} are on record?
- How many {a.many} do {b.many} {v.post} account for in total?

join_agg: a,b,f,p=link; k=label b; v=eq k; n=num a; g=agg n
= SELECT {g}(T1.{n}) FROM {a} AS T1 JOIN {b} AS T2 ON T1.{f} = T2.{p} WHERE T2.{k} {v}
- What is the {g.say} {n.say} of {a.many} {f.rel} {b.many} {v.post}?
- For {b.many} {v.post}, work out the {g.say} {n.say} of their {a.many}.
- Give the {g.say} {a.one} {n.say} where the {b.one} {k.say} is {v.val}.
- Taking only {a.many} {f.rel} {b.many} {v.post}, what {g.say} {n.say} do we get?
- {g.say} {n.say} across the {a.many} of {b.many} {v.post}, please.

join_group_count: a,b,f,p=link; k=label b
= SELECT T2.{k}, COUNT(*) FROM {a} AS T1 JOIN {b} AS T2 ON T1.{f} = T2.{p} GROUP BY T2.{k}
- Count the {a.many} by {b.one} {k.say}.
- Break the {a.many} down by the {k.say} of their {b.one}, with a count for each.
- Per {b.one} {k.say}, how many {a.many} are there?
- Group the {a.many} by {b.one} {k.say} and show the size of each group.
- Show each {b.one} {k.say} that occurs for the {a.many} and the number of {a.many} behind it.

join_group_agg: a,b,f,p=link; k=label b; n=num a; g=agg n
= SELECT T2.{k}, {g}(T1.{n}) FROM {a} AS T1 JOIN {b} AS T2 ON T1.{f} = T2.{p} GROUP BY T2.{k}
- What is the {g.say} {n.say} of the {a.many} per {b.one} {k.say}?
- Show the {g.say} {a.one} {n.say} broken down by {b.one} {k.say}.
- Group the {a.many} by the {k.say} of their {b.one} and give the {g.say} {n.say} of each group.
- For every {b.one} {k.say}, report the {g.say} {n.say} of the {a.many}.
- List {b.one} {k.say} and {g.say} {n.say} over the matching {a.many}.

join_most: a,b,f,p=link; c=name b
= SELECT T2.{c} FROM {a} AS T1 JOIN {b} AS T2 ON T1.{f} = T2.{p}
  GROUP BY T2.{p}, T2.{c} ORDER BY COUNT(*) DESC LIMIT 1
- What is the {c.say} of the {b.one} with the most {a.many}?
- Which {b.one} has the highest number of {a.many}? Give the {c.say}.
- Name the {b.one} {b.who} tops the list by number of {a.many} ({b.its} {c.say}).
- Find the {b.one} with more {a.many} than any other and return the {c.say}.
- Judged by number of {a.many}, which {b.one} leads? Show the {c.say}.

join_sum_most: a,b,f,p=link; c=name b; n=sum a
= SELECT T2.{c} FROM {a} AS T1 JOIN {b} AS T2 ON T1.{f} = T2.{p}
  GROUP BY T2.{p}, T2.{c} ORDER BY SUM(T1.{n}) DESC LIMIT 1
- What is the {c.say} of the {b.one} with the highest total {a.one} {n.say}?
- Which {b.one} has the largest combined {n.say} over {b.its} {a.many}? Give the {c.say}.
- Add up {a.one} {n.say} for each {b.one}: who or what comes first? Show the {c.say}.
- Find the {b.one} whose {a.many} have the greatest summed {n.say} and return {b.its} {c.say}.
- By total {n.say} of {b.its} {a.many}, which {b.one} is on top? {c.say} only.

join_having: a,b,f,p=link; c=name b; h=atleast
= SELECT T2.{c} FROM {a} AS T1 JOIN {b} AS T2 ON T1.{f} = T2.{p}
  GROUP BY T2.{p}, T2.{c} HAVING COUNT(*) {h}
- What are the {c.says} of {b.many} with {h.say} {a.many}?
- Which {b.many} have {h.say} {a.many}? Show the {c.says}.
- List the {c.say} of each {b.one} {b.who} has {h.say} {a.many} to {b.its} name.
- Find {b.many} for which we hold {h.say} {a.many}, and give their {c.says}.
- Give the {c.says} of those {b.many} {b.who} can show {h.say} {a.many}.

join_having_shown: a,b,f,p=link; c=name b; h=atleast
= SELECT T2.{c}, COUNT(*) FROM {a} AS T1 JOIN {b} AS T2 ON T1.{f} = T2.{p}
  GROUP BY T2.{p}, T2.{c} HAVING COUNT(*) {h}
- For {b.many} with {h.say} {a.many}, show the {c.say} and the number of {a.many}.
- Which {b.many} have {h.say} {a.many}, and how many exactly? Give {c.say} and count.
- List {b.one} {c.say} plus {a.one} count, limited to {b.many} with {h.say} {a.many}.
- Count the {a.many} of each {b.one} and show {c.say} and count wherever there are {h.say}.
- Report the {c.say} of every {b.one} having {h.say} {a.many}, followed by that number.

join_two_filters: a,b,f,p=link; c=show a; k=label b; v=eq k; n=num a; w=cmp n
= SELECT T1.{c} FROM {a} AS T1 JOIN {b} AS T2 ON T1.{f} = T2.{p}
  WHERE T2.{k} {v} AND T1.{n} {w}
- List the {c.says} of {a.many} {f.rel} {b.many} {v.post}, if the {a.one} {n.say} {w.isform}.
- Among the {a.many} {f.rel} {b.many} {v.post}, which {w.pred}? Give the {c.says}.
- Show {a.one} {c.says} where the {b.one} {k.say} is {v.val} and the {a.one} {n.say} {w.isform}.
- For {b.many} {v.post}, list the {c.says} of {a.many} {w.post}.
- Find {a.many} {w.post} whose {b.one} has {v.val} as {k.say}; I want the {c.says}.

join_extreme: a,b,f,p=link; c=label b; n=num a; m=most
= SELECT T2.{c} FROM {a} AS T1 JOIN {b} AS T2 ON T1.{f} = T2.{p} ORDER BY T1.{n}{m} LIMIT 1
- What is the {b.one} {c.say} for the {a.one} with the {m.say} {n.say}?
- Find the {a.one} with the {m.say} {n.say} and show the {c.say} of {a.its} {b.one}.
- The single {a.one} with the {m.say} {n.say}: which {b.one} {c.say} goes with it?
- Give the {c.say} of the {b.one} behind the {a.one} whose {n.say} is {m.say}.
- Which {b.one} {c.say} belongs to the {a.one} {a.who} has the {m.say} {n.say}?

join_ordered: a,b,f,p=link; c=show a; e=label b; n=num a
= SELECT T1.{c}, T2.{e} FROM {a} AS T1 JOIN {b} AS T2 ON T1.{f} = T2.{p} ORDER BY T1.{n} DESC
- Show {a.one} {c.say} and {b.one} {e.say}, ordered by {a.one} {n.say}, highest first.
- List {a.one} {c.says} with the matching {b.one} {e.says}, from the largest {a.one} {n.say} down.
- Rank the {a.many} by {n.say}, top first, giving {a.one} {c.say} and {b.one} {e.say}.
- Give me {a.one} {c.say} next to {b.one} {e.say}, in descending order of {a.one} {n.say}.
- Which {b.one} {e.say} goes with which {a.one} {c.say}? {c.say} first, biggest {n.say} on top.

join_distinct: a,b,f,p=link; c=label b; n=num a; v=cmp n
= SELECT DISTINCT T2.{c} FROM {a} AS T1 JOIN {b} AS T2 ON T1.{f} = T2.{p} WHERE T1.{n} {v}
- Which different {b.one} {c.says} occur for {a.many} {v.post}?
- List, each once, the {b.one} {c.says} behind {a.many} {v.post}.
- Show the distinct {c.says} of {b.many} {b.who} have {a.a_one} {v.post}.
- For {a.many} {v.post}, give me the unique {b.one} {c.says}.
- Without repeats, what {b.one} {c.says} turn up among {a.many} {v.post}?

join_date: a,b,f,p=link; c=label b; e=show a; d=date a; v=on d
= SELECT T1.{e}, T2.{c} FROM {a} AS T1 JOIN {b} AS T2 ON T1.{f} = T2.{p} WHERE T1.{d} {v}
- For {a.many} {v.post}, show the {e.say} and the {b.one} {c.say}.
- List {a.one} {e.say} and {b.one} {c.say} where the {a.one} {d.say} is {v.bare}.
- Which {a.many} {v.pred}? Give the {a.one} {e.say} and then the {b.one} {c.say}.
- Pair up {a.one} {e.say} and {b.one} {c.say} for every {a.one} {v.post}.
- Going by {d.say}, take the {a.many} dated {v.bare}: show {e.say} and the {c.say} of the {b.one}.

join3_filter: a,b,e,f,p,h,q=chain; c=show a; k=label e; v=eq k
= SELECT T1.{c} FROM {a} AS T1 JOIN {b} AS T2 ON T1.{f} = T2.{p}
  JOIN {e} AS T3 ON T2.{h} = T3.{q} WHERE T3.{k} {v}
- List the {c.says} of {a.many} {f.rel} {b.many} {b.who} are {h.rel} {e.many} {v.post}.
- Show {a.one} {c.says} where the {b.one} is {h.rel} {e.a_one} {v.post}.
- Going through {b.many}, which {a.one} {c.says} lead to {e.a_one} {v.post}?
- For {e.many} {v.post}, take all their {b.many} and list the {c.says} of the {a.many} {f.rel}
  them.
- I need the {c.say} of every {a.one} whose {b.one} has {e.a_one} {v.post}.

join3_count: a,b,e,f,p,h,q=chain; k=label e
= SELECT T3.{k}, COUNT(*) FROM {a} AS T1 JOIN {b} AS T2 ON T1.{f} = T2.{p}
  JOIN {e} AS T3 ON T2.{h} = T3.{q} GROUP BY T3.{k}
- Count the {a.many} by {e.one} {k.say}, going through the {b.many}.
- Via their {b.one}, break the {a.many} down by {e.one} {k.say} with a count.
- Per {e.one} {k.say}, how many {a.many} are there across all {e.its} {b.many}?
- Roll the {a.many} up from {b.one} to {e.one}: show {e.one} {k.say} and the count.
- Through the {b.many}, how many {a.many} go with each {e.one} {k.say}?

join3_bridge: m,x,y,f,p,h,q=bridge; c=name x; e=name y
= SELECT T2.{c}, T3.{e} FROM {m} AS T1 JOIN {x} AS T2 ON T1.{f} = T2.{p}
  JOIN {y} AS T3 ON T1.{h} = T3.{q}
- For every {m.one}, show the {x.one} {c.say} and the {y.one} {e.say}.
- List {x.one} {c.say} and {y.one} {e.say} for all {m.many}.
- Spell out each {m.one}: which {x.one} ({c.say}) and which {y.one} ({e.say})?
- Turn the {m.many} into readable pairs of {x.one} {c.say} and {y.one} {e.say}.
- One line per {m.one}, please, with {x.one} {c.say} first and {y.one} {e.say} second.

join3_bridge_filter: m,x,y,f,p,h,q=bridge; c=name x; k=label y; v=eq k
= SELECT T2.{c} FROM {m} AS T1 JOIN {x} AS T2 ON T1.{f} = T2.{p}
  JOIN {y} AS T3 ON T1.{h} = T3.{q} WHERE T3.{k} {v}
- For each {m.one} {h.rel} {y.a_one} {v.post}, give the {x.one} {c.say}.
- Show the {x.one} {c.say} of every {m.one} whose {y.one} {k.say} is {v.val}.
- Go through the {m.many} {h.rel} {y.many} {v.post} and name the {x.one} ({c.say}) each time.
- Which {x.one} {c.say} stands behind each {m.one} {h.rel} {y.a_one} {v.post}?
- One row per {m.one} with {v.val} as the {y.one} {k.say}: show the {x.one} {c.say}.
"""

NESTED = """
nested_none: a,b,f,p=link; c=name b
= SELECT {c} FROM {b} WHERE NOT {p} IN (SELECT {f} FROM {a})
- Which {b.many} have no {a.many} at all? Give the {c.says}.
- List the {c.says} of {b.many} {b.who} have yet to get a single {a.one}.
- What are the {c.says} of {b.many} without any {a.many}?
- Show every {b.one} {c.say} for which no {a.one} exists.
- Find the {b.many} {b.who} never appear in the {a.many}; I need their {c.says}.
- {c.says} of idle {b.many}, please: those with zero {a.many}.

nested_some: a,b,f,p=link; c=name b; k=label a; v=eq k
= SELECT {c} FROM {b} WHERE {p} IN (SELECT {f} FROM {a} WHERE {k} {v})
- Which {b.many} have at least one {a.one} {v.post}? Give the {c.says}, one line per {b.one}.
- List the {c.say} of each {b.one} {b.who} has some {a.one} {v.post}.
- Show the {c.says} of all {b.many} for which there is {a.a_one} {v.post}.
- Find {b.many} {b.who} appear among the {a.many} {v.post}, with the {c.say} once per {b.one}.
- What are the {c.says} of the {b.many} having one or more {a.many} {v.post}?

nested_some_num: a,b,f,p=link; c=name b; n=num a; v=cmp n
= SELECT {c} FROM {b} WHERE {p} IN (SELECT {f} FROM {a} WHERE {n} {v})
- Which {b.many} have at least one {a.one} {v.post}? List each {b.one} by {c.say}.
- Show the {c.say} of every {b.one} with some {a.one} whose {n.say} {v.isform}.
- For which {b.many} is there {a.a_one} {v.post}? Give the {c.says}.
- Find the {b.many} {b.who} had {a.a_one} {v.post}; name each by {c.say}.
- One or more {a.many} {v.post} is enough: which {b.one} {c.says} qualify?

nested_none_where: a,b,f,p=link; c=name b; k=label a; v=eq k
= SELECT {c} FROM {b} WHERE NOT {p} IN (SELECT {f} FROM {a} WHERE {k} {v})
- Which {b.many} do not have any {a.one} {v.post}? Give the {c.says}.
- List the {c.says} of {b.many} with no {a.one} {v.post}.
- Show each {b.one} {c.say} for which there has never been {a.a_one} {v.post}.
- What are the {c.says} of {b.many} {b.who} have yet to see {a.a_one} {v.post}?
- Leave out every {b.one} {b.who} has {a.a_one} {v.post} and list the {c.says} of the others.

nested_count_none: a,b,f,p=link
= SELECT COUNT(*) FROM {b} WHERE NOT {p} IN (SELECT {f} FROM {a})
- How many {b.many} have no {a.many}?
- Count the {b.many} without a single {a.one}.
- What is the number of {b.many} {b.who} do not appear in any {a.one}?
- How many of our {b.many} have yet to get {a.a_one}?
- For how many {b.many} is there no {a.one} on file?

nested_above_avg: t=table; c=show t; n=num t; z=aboveavg
= SELECT {c} FROM {t} WHERE {n} {z} (SELECT AVG({n}) FROM {t})
- List the {c.says} of {t.many} whose {n.say} is {z.say} the average.
- Which {t.many} have {n.a} {z.say} the overall mean? Show the {c.says}.
- Give the {c.say} of every {t.one} with {z.adj}-average {n.say}.
- Compared with the average {n.say} of all {t.many}, which ones lie {z.say} it? Return {c.says}.
- Show {t.one} {c.says} where the {n.say} is {z.say} what {t.many} have on average.

nested_count_avg: t=table; n=num t; z=aboveavg
= SELECT COUNT(*) FROM {t} WHERE {n} {z} (SELECT AVG({n}) FROM {t})
- How many {t.many} have {n.a} {z.say} the average?
- Count the {t.many} with {z.adj}-average {n.say}.
- What is the number of {t.many} whose {n.say} lies {z.say} the mean of all {t.many}?
- Against the overall average {n.say}, how many {t.many} are {z.say} it?
- How many of the {t.many} come out {z.say} average on {n.say}?

nested_ties: t=table; c=show t; n=num t; z=maxmin
= SELECT {c} FROM {t} WHERE {n} = (SELECT {z}({n}) FROM {t})
- List the {c.says} of all {t.many} whose {n.say} equals the {z.say} one on record.
- Which {t.many} share the {z.say} {n.say}? Include every tie and give the {c.says}.
- Show the {c.say} of each {t.one} {t.who} ties for the {z.say} {n.say}.
- The {z.say} {n.say} may occur more than once: list the {c.says} of all {t.many} {t.who} have it.
- Find every {t.one} with the {z.say} {n.say}, ties included, and return the {c.says}.

nested_group_avg: t=table; c=show t; n=num t; k=cat t; v=eq k
= SELECT {c} FROM {t} WHERE {n} > (SELECT AVG({n}) FROM {t} WHERE {k} {v})
- Which {t.many} have {n.a} above the average of those {v.post}? Give the {c.says}.
- List the {c.says} of {t.many} whose {n.say} exceeds the mean {n.say} for {k.say} {v.val}.
- Take the average {n.say} of {t.many} {v.post}; which {t.one} {c.says} are above that figure?
- Show {t.one} {c.says} with a higher {n.say} than {t.many} {v.post} have on average.
- What are the {c.says} of all {t.many} {t.who} beat the average {n.say} of {k.say} {v.val}?

nested_beats_all: t=table; c=show t; n=num t; k=cat t; v=eq k
= SELECT {c} FROM {t} WHERE {n} > (SELECT MAX({n}) FROM {t} WHERE {k} {v})
- Which {t.many} have a higher {n.say} than every {t.one} {v.post}? Give the {c.says}.
- List the {c.says} of {t.many} whose {n.say} exceeds the maximum among {t.many} {v.post}.
- Find the {t.many} {t.who} beat all {t.many} {v.post} on {n.say}; show the {c.says}.
- Show the {c.say} of each {t.one} with {n.a} above the top value for {k.say} {v.val}.
- Take the largest {n.say} of {t.many} {v.post}: which {t.one} {c.says} lie above it?

nested_same: t=table; c=title t; v=eq c; k=cat t
= SELECT {c} FROM {t} WHERE {k} IN (SELECT {k} FROM {t} WHERE {c} {v})
- List the {c.says} of all {t.many} with the same {k.say} as {v.val}, {v.val} included.
- Which {t.many} share their {k.say} with {v.val}? Give the {c.says} and keep {v.val} in the list.
- Look up the {k.say} of {v.val} and show the {c.says} of every {t.one} {t.who} has it, {v.val} too.
- Show the {c.say} of each {t.one} whose {k.say} matches that of {v.val} (do not leave {v.val}
  out).
- Take {v.val} and all other {t.many} with an identical {k.say}: list the {c.says}.

nested_parent_max: a,b,f,p=link; c=show a; n=num b; z=aboveavg
= SELECT {c} FROM {a} WHERE {f} IN (SELECT {p} FROM {b} WHERE {n} {z} (SELECT AVG({n}) FROM {b}))
- List the {c.says} of {a.many} {f.rel} {b.many} with {z.adj}-average {n.say}.
- Which {a.many} go with {b.many} whose {n.say} is {z.say} the average {b.one}? Give the {c.says}.
- Show {a.one} {c.says} where the {b.one} has {n.a} {z.say} the mean of all {b.many}.
- Find the {b.many} {z.say} average on {n.say} and list the {c.says} of their {a.many}.
- For {b.many} {z.say} the mean {n.say}, what are the {c.says} of the {a.many} {f.rel} them?
"""

SET = """
set_both: t=table; k=cat t; x=cat t; v,w=two x
= SELECT {k} FROM {t} WHERE {x} {v} INTERSECT SELECT {k} FROM {t} WHERE {x} {w}
- Which {k.says} have both {t.many} with {x.say} {v.val} and {t.many} with {x.say} {w.val}?
- Show the {k.says} shared by {t.many} with {x.say} {v.val} and those with {x.say} {w.val}.
- For which {k.says} do we find {x.say} {v.val} as well as {x.say} {w.val} among the {t.many}?
- List each {k.say} that occurs for {t.many} with {x.say} {v.val} and again for {x.say} {w.val}.
- Name the {k.says} where the {t.many} include {v.val} and also {w.val} as {x.say}.

set_apart: t=table; k=cat t; n=num t; v,w=apart n
= SELECT {k} FROM {t} WHERE {n} {v} INTERSECT SELECT {k} FROM {t} WHERE {n} {w}
- Which {k.says} have {t.many} with {n.a} {v.with} and also {t.many} with {n.a} {w.with}?
- Show the {k.says} where some {t.one} has {n.a} {v.with} and another has one {w.with}.
- List the {k.says} common to {t.many} whose {n.say} {v.isform} and {t.many} whose {n.say}
  {w.isform}.
- For which {k.says} do both kinds of {t.many} exist: {n.say} {v.bare} and {n.say} {w.bare}?
- Find each {k.say} that appears with {t.many} {v.post} and with {t.many} {w.post}.

set_but_not: t=table; k=cat t; x=cat t; v,w=two x
= SELECT {k} FROM {t} WHERE {x} {v} EXCEPT SELECT {k} FROM {t} WHERE {x} {w}
- Which {k.says} have {t.many} with {x.say} {v.val} but none with {x.say} {w.val}?
- Show the {k.says} of {t.many} with {x.say} {v.val}, minus those that also have {x.say} {w.val}.
- Where do we have {x.say} {v.val} among the {t.many}, yet never {x.say} {w.val}? List the
  {k.says}.
- List each {k.say} found for {x.say} {v.val} and not for {x.say} {w.val} in the {t.many}.
- Take the {k.says} of {t.many} with {x.say} {v.val} and remove any that occur with {x.say}
  {w.val}.

set_without: t=table; k=cat t; x=cat t; v=eq x
= SELECT {k} FROM {t} EXCEPT SELECT {k} FROM {t} WHERE {x} {v}
- Which {k.says} have no {t.many} {v.post}?
- Show the {k.says} of our {t.many}, except any {k.say} with {t.a_one} {v.post}.
- In which {k.says} do {t.many} {v.post} not occur at all?
- List each {k.say} found among the {t.many} for which there is no {t.one} {v.post}.
- Strike out every {k.say} that has {t.a_one} {v.post}: which {t.one} {k.says} remain?

set_unused_ids: a,b,f,p=link
= SELECT {p} FROM {b} EXCEPT SELECT {f} FROM {a}
- Which {b.one} {p.says} never occur in the {a.many}?
- List the {p.says} of {b.many} {b.who} have no {a.one}.
- Show every {b.one} {p.say} not referred to by any {a.one}.
- Compare {b.many} with {a.many} and return the {b.one} {p.says} that are missing from the latter.
- Give me the {p.says} of {b.many} still waiting for {a.a_one}.

set_used_ids: a,b,f,p=link; n=num b; v=cmp n
= SELECT {p} FROM {b} WHERE {n} {v} INTERSECT SELECT {f} FROM {a}
- Which {b.one} {p.says} belong to {b.many} {v.post} and also occur in the {a.many}?
- List the {p.says} of {b.many} {v.post} that have at least one {a.one}.
- Give the {b.one} {p.says} that meet both tests: {n.a} {v.with}, and some {a.one} on record.
- Show {p.says} of {b.many} whose {n.say} {v.isform}, limited to those found among the {a.many}.
- Of the {b.many} {v.post}, which {p.says} turn up in the {a.many}?

set_union_names: a,b=two_tables; c=name a; e=name b
= SELECT {c} FROM {a} UNION SELECT {e} FROM {b}
- Make one combined list, without repeats, of {a.one} {c.says} and {b.one} {e.says}.
- Merge the {c.says} of the {a.many} and the {e.says} of the {b.many} into a single list, no
  duplicates.
- Two lists in one, {a.one} {c.says} and {b.one} {e.says}, with each value shown just once.
- Put {a.one} {c.says} and {b.one} {e.says} together in one column and drop duplicates.
- If we pool {a.one} {c.says} with {b.one} {e.says}, which distinct values do we get?
- I want the unique {c.says} of all {a.many} plus the {e.says} of all {b.many} in one column.

set_union_filter: t=table; k=cat t; x=cat t; v=eq x; n=num t; w=cmp n
= SELECT {k} FROM {t} WHERE {x} {v} UNION SELECT {k} FROM {t} WHERE {n} {w}
- Which unique {k.says} belong to {t.many} {v.post} or to {t.many} {w.post}?
- Combine the {k.says} of {t.many} {v.post} with those of {t.many} {w.post}, each listed once.
- List every {k.say} that has {t.many} {v.post} or {t.many} {w.post}, without duplicates.
- Pool two groups of {t.many}, those {v.post} and those {w.post}: which distinct {k.says} appear?
- One deduplicated list, please: {k.says} of {t.many} {v.post} together with {k.says} of those
  {w.post}.

set_parent_both: a,b,f,p=link; c=name b; k=cat a; v,w=two k
= SELECT T2.{c} FROM {a} AS T1 JOIN {b} AS T2 ON T1.{f} = T2.{p} WHERE T1.{k} {v}
  INTERSECT SELECT T2.{c} FROM {a} AS T1 JOIN {b} AS T2 ON T1.{f} = T2.{p} WHERE T1.{k} {w}
- Which {b.one} {c.says} occur with {a.many} of {k.say} {v.val} and with {a.many} of {k.say}
  {w.val}?
- Show the {b.one} {c.says} found both for {a.one} {k.say} {v.val} and for {a.one} {k.say} {w.val}.
- List each {b.one} {c.say} that goes with {k.say} {v.val} in one {a.one} and {w.val} in another.
- What {b.one} {c.says} do {a.many} with {k.say} {v.val} and {a.many} with {k.say} {w.val} have
  in common?
- Intersect the {b.one} {c.says} of {k.say} {v.val} {a.many} with those of {k.say} {w.val}
  {a.many}.

set_parent_not: a,b,f,p=link; c=name b; k=cat a; v,w=two k
= SELECT T2.{c} FROM {a} AS T1 JOIN {b} AS T2 ON T1.{f} = T2.{p} WHERE T1.{k} {v}
  EXCEPT SELECT T2.{c} FROM {a} AS T1 JOIN {b} AS T2 ON T1.{f} = T2.{p} WHERE T1.{k} {w}
- Which {b.one} {c.says} occur with {a.one} {k.say} {v.val} but never with {k.say} {w.val}?
- Show {b.one} {c.says} seen for {a.many} of {k.say} {v.val}, leaving out those also seen for
  {w.val}.
- List each {b.one} {c.say} that has {a.a_one} with {k.say} {v.val} and none with {k.say} {w.val}.
- From the {b.one} {c.says} of {a.many} with {k.say} {v.val}, take away those of {k.say} {w.val}.
- What {b.one} {c.says} go with {k.say} {v.val} among the {a.many}, yet not with {w.val}?
"""
