package spec

import (
	"fmt"
	"strings"
	"testing"

	"holdfast"
	"holdfast/source"
)

func TestTheDifferenceIsToldInTheKeysOfTheFile(t *testing.T) {
	const now = `name: shop
owner: us
services:
  web: {command: ./web, replicas: 2, ports: ["8080"], environment: {LEVEL: debug, TOKEN: s3cret}, depends_on: [catalog, ads]}
  catalog: {command: ./catalog, replicas: 2}
  ads: {command: ./ads, replicas: 2}
  out: {urls: ["http://out.example/up"]}
  out-user: {command: ./user, replicas: 2, depends_on: {catalog: {fallback: {json: []}}}}
`
	for what, c := range map[string]struct{ old, new, want string }{
		"nothing":            {want: ""},
		"a comment":          {old: "owner: us", new: "owner: us # and only us", want: ""},
		"what is run":        {old: "./catalog,", new: "./catalog --fast,", want: "changed catalog replaced: command"},
		"a variable":         {old: "LEVEL: debug", new: "LEVEL: info", want: "changed web replaced: environment.LEVEL"},
		"one passed on":      {old: "LEVEL: debug", new: "LEVEL: ", want: "changed web replaced: environment.LEVEL"},
		"limits":             {old: "./ads,", new: "./ads, limits: {memory: 64MiB},", want: "changed ads replaced: limits.memory"},
		"more of them":       {old: "./catalog, replicas: 2", new: "./catalog, replicas: 3", want: "changed catalog: replicas"},
		"how it is asked":    {old: "./ads,", new: "./ads, healthcheck: {path: /up},", want: "changed ads: healthcheck.path"},
		"not asked":          {old: "./ads,", new: "./ads, healthcheck: {disable: true},", want: "changed ads: healthcheck.disable"},
		"what is touched":    {old: "owner: us", new: "owner: us\nprove: {allow: [out]}", want: "changed : prove.allow"},
		"how it is spoken":   {old: "http://out", new: "https://out", want: "changed out replaced: urls"},
		"what is answered":   {old: "fallback: {json: []}", new: "fallback: {json: {}}", want: "changed out-user: depends_on.catalog.fallback.json"},
		"what runs once":     {old: "./ads, replicas: 2", new: "./ads, restart: \"no\"", want: "changed web replaced: depends_on.ads.condition"},
		"how it is ended":    {old: "./ads,", new: "./ads, stop_grace_period: 1s,", want: "changed ads: stop_grace_period"},
		"a need gone":        {old: "[catalog, ads]", new: "[catalog]", want: "changed web replaced: depends_on.ads"},
		"how it is needed":   {old: "[catalog, ads]", new: "{catalog: {timeout: 2s}, ads: }", want: "changed web: depends_on.catalog.timeout"},
		"how often":          {old: "[catalog, ads]", new: "{catalog: {retries: 0, idempotent: true}, ads: }", want: "changed web: depends_on.catalog.idempotent depends_on.catalog.retries"},
		"a bound":            {old: "./ads,", new: "./ads, failure_modes: {crash: {bounds: {detect: 2s}}},", want: "changed ads: failure_modes.crash"},
		"an owner for all":   {old: "owner: us", new: "owner: them", want: "changed : owner\nchanged web: owner\nchanged catalog: owner\nchanged ads: owner"},
		"another name":       {old: "name: shop", new: "name: shed", want: "changed : name"},
		"a guardrail":        {old: "owner: us", new: "owner: us\nguardrails: {max_actions: 3 per 5m}", want: "changed : guardrails.max_actions.count guardrails.max_actions.per"},
		"what is said":       {old: "owner: us", new: "owner: us\nattest: [{what: it is so, by: ana, until: 2027-01-31}]", want: "changed : attest"},
		"what is promised":   {old: "owner: us", new: "owner: us\npromises: {all: {target: 99%, within: 1s}}", want: "changed : promises"},
		"what users do":      {old: "owner: us", new: "owner: us\nsessions: {look: {steps: [{get: /}]}}", want: "changed : sessions"},
		"how it is asked of": {old: "owner: us", new: "owner: us\ndrills: {load: {rate: 50/s}}", want: "changed : drills.load.rate"},
		"who is told":        {old: "owner: us", new: "owner: us\npeople: {ana: {contacts: [{via: bell}]}}\nchannels: {bell: {command: ring}}", want: "changed : channels.bell people.ana"},
		"where links lead":   {old: "owner: us", new: "owner: us\non_call: {listen: \":9443\", url: \"https://ops.example.com\"}", want: "changed : on_call.listen on_call.url"},
		"by what it fails":   {old: "./ads,", new: "./ads, failure_modes: {errors: {faults: [reset]}},", want: "changed ads: failure_modes.errors"},
		"a service more":     {old: "  ads:", new: "  cart: {command: ./cart, replicas: 2}\n  ads:", want: "added cart"},
		"a service renamed":  {old: "  ads:", new: "  adverts:", want: ""},
	} {
		t.Run(what, func(t *testing.T) {
			read := func(text string) *holdfast.System {
				system, _ := Read(source.File{Name: "holdfast.yaml", Text: []byte(text), Dir: "/srv/shop"}, environ())
				return system
			}
			next := read(strings.Replace(now, c.old, c.new, 1))
			if what == "a service renamed" {
				next = read(strings.NewReplacer("  ads:", "  adverts:", "[catalog, ads]", "[catalog, adverts]").Replace(now))
				c.want = "changed web replaced: depends_on.ads depends_on.adverts\nadded adverts\nremoved ads"
			}
			if got := told(Compare(read(now), next)); !strings.HasPrefix(got+"\n", c.want+"\n") || c.want == "" && got != "" || strings.Contains(got, "s3cret") {
				t.Errorf("told\n%s\nwant\n%s", got, c.want)
			}
		})
	}
}

func told(changes []Change) string {
	var lines []string
	for _, c := range changes {
		line := string(c.What) + " " + string(c.Service)
		if c.Replaces {
			line += " replaced"
		}
		if len(c.Keys) > 0 {
			line += ": " + strings.Join(c.Keys, " ")
		}
		lines = append(lines, line)
	}
	return fmt.Sprint(strings.Join(lines, "\n"))
}
