package main

import (
	"fmt"
	"slices"
)

// shop is two services of two replicas: what the front is told, how it needs the
// back, what the back is told. Everything else is as the file leaves it.
func shop(front, edge, back string) string {
	return fmt.Sprintf(`name: broken
owner: bench
defaults: {healthcheck: {path: /healthz}}
services:
  front: {command: ./sick %s, replicas: 2, ports: ["8080"], depends_on: {back: %s}}
  back: {command: ./sick %s}
`, front, edge, back)
}

// buying is a session that leaves something with the back and looks for it.
const buying = `sessions:
  buying:
    steps:
      - {post: /items, on: back, body: "{{id}}", header: {Idempotency-Key: "{{id}}"}, write: true}
      - {get: /items, expect: {body: ["{{id}}"]}}
    audit: {get: /items, on: back}
`

// leaving is a session that leaves something with the back, and is content.
const leaving = `sessions:
  leaving:
    steps: [{post: /items, on: back, body: "{{id}}", header: {Idempotency-Key: "{{id}}"}, write: true}]
    audit: {get: /items, on: back}
`

// looking is a session to which an empty page is none.
const looking = `sessions:
  looking: {steps: [{get: /, on: front, expect: {body: ["here you are"]}}]}
promises:
  looking: {journey: looking, target: 99.9%}
`

// two are two replicas of something.
const two = ", replicas: 2"

// hardlyAny bounds the share of requests that a mode may hurt by less than one of
// those of a drill. The gateway ejects a replica after five errors in a row, which
// is about what a mode may cost as a rule.
func hardlyAny(mode string) string {
	return fmt.Sprintf(", failure_modes: {%s: {bounds: {impact: 0.1%%}}}", mode)
}

// systems are those that are broken, each in one way.
func systems() []system { return slices.Concat(unfit(), careless()) }

// unfit are those that do not stand what is drilled.
func unfit() []system {
	return []system{
		{
			name: "one replica", what: "nobody to retry on", drill: "back.crash",
			file: shop("--ask back", "", "--start-delay 4s"), says: []string{"back has one replica"},
		},
		{
			name: "no retry", what: "a request that failed is not asked again", drill: "back.errors",
			file: shop("--ask back", "{retries: 0}", ""+two+hardlyAny("errors")), says: []string{"requests were hurt", "(injected)"},
		},
		{
			name: "restart too slow", what: "a start takes longer than the bound on restoration", drill: "back.crash",
			file: shop("--ask back", "", "--start-delay 18s"+two+", healthcheck: {path: /healthz, start_period: 40s}"), says: []string{"first good answer"},
		},
		{
			name: "second start fails", what: "what a crash leaves behind keeps it from starting", drill: "back.crash",
			file: shop("--ask back", "", "--once"+two), says: []string{"was started again and exited"},
		},
		{
			name: "lying health check", what: "after a restart it says that it is well while its cache is cold, and fails users", drill: "back.crash",
			file: shop("--ask back", "{retries: 0}", "--cold 5s"+two+hardlyAny("crash")), says: []string{"the cache is cold"},
		},
		{
			name: "required hidden as optional", what: "the file says that the front can do without the back, and it cannot", drill: "front/back.loss",
			file: shop("--ask back", "{required: false}", ""+two), says: []string{"although the file says"},
		},
		{
			name: "fallback of no use", what: "what the file puts in the back's place the front cannot use", drill: "front/back.loss",
			file: shop("--ask back --picky", "{fallback: {json: {}}}", ""+two), says: []string{"of no use"},
		},
		{
			name: "dies with its dependency", what: "the front ends when the back does not answer", drill: "front/back.loss",
			file: shop("--ask back --die", "", ""+two), says: []string{"front"},
		},
		{
			name: "does not fail fast", what: "the front asks a lost back four times, one after the other", drill: "front/back.loss",
			file: shop("--ask back --again 3 --patience 20s", "{timeout: 1s}", ""+two), says: []string{"it did not fail fast"},
		},
		{
			name: "no remedy", what: "the file leaves a crash to people", drill: "back.crash",
			file: shop("--ask back", "", ""+two+", failure_modes: {crash: {remedies: []}}"), says: []string{"no remedy is declared"},
		},
		{
			name: "bound on detection", what: "the file promises to notice a hang sooner than anybody can", drill: "back.hang",
			file: shop("--ask back", "", ""+two+", failure_modes: {hang: {bounds: {detect: 20ms}}}"), says: []string{"noticing it took"},
		},
		{
			name: "bound on restoration", what: "a start of 3 s, and a bound of 2 s", drill: "back.crash",
			file: shop("--ask back", "", "--start-delay 3s"+two+", failure_modes: {crash: {bounds: {restore: 2s}}}"), says: []string{"whole again only after"},
		},
	}
}

// careless are those that stand it, and hurt somebody all the same.
func careless() []system {
	return []system{
		{
			name: "retry storm", what: "the front asks a lost back nine times for each page", drill: "front/back.loss",
			file: shop("--ask back --again 8 --patience 900ms", "", ""+two), says: []string{"times as often"},
		},
		{
			name: "session in memory", what: "each replica of the back has items of its own", drill: "back.state-loss",
			file: shop("--ask back", "", ""+two) + buying, says: []string{"step 2, GET /items", "was restarted"},
		},
		{
			name: "lost writes", what: "the back writes half a second after it acknowledged", drill: "back.crash",
			file: shop("--ask back", "", "--store ./items --lag 500ms"+two) + leaving, says: []string{"writes of leaving"},
		},
		{
			name: "doubled writes", what: "a request that may be repeated is written each time", drill: "back.crash",
			file: shop("--ask back", "", "--store ./items --pause 300ms"+two) + leaving, says: []string{"carried out more than once"},
		},
		{
			name: "empty page with status 200", what: "the front hides that it has nothing to show", drill: "front/back.loss",
			file: shop("--ask back --shrug", "{required: false}", ""+two) + looking, says: []string{"here you are"},
		},
	}
}
