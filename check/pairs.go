package check

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"holdfast"
	"holdfast/diagnostic"
	"holdfast/topology"
)

// riskPairs finds, when it is asked to, two things that break a promise together:
// all pairs of a service at once, for one change mends most of them.
func riskPairs() rule {
	return rule{
		Meaning: diagnostic.Meaning{Code: "HF2109", Severity: diagnostic.Warning, Title: "a promise breaks with two things at once"},
		find: func(c *judging) []Finding {
			if !c.facts.Pairs {
				return nil
			}
			var all []Finding
			groups := c.pairings()
			for _, g := range groups[:min(len(groups), mostPairs)] {
				all = append(all, g.finding(c.fails(g.breaks)))
			}
			if more := len(groups) - mostPairs; more > 0 {
				all = append(all, Finding{
					Of: string(c.system.Name), At: Path{"services"},
					Message: fmt.Sprintf("%d more %s pairs of things that break a promise", more, diagnostic.Agree(more, "service has", "services have")),
					Help:    "mend or accept those that are listed, and look again; the summary counts all sets of two",
				})
			}
			return all
		},
	}
}

// mostPairs is how many services are listed: pairs are for who has mended what
// fails by one thing, and ten are an afternoon's work.
const mostPairs = 10

// A pairing is pairs of risks that have to do with one service, or one pair that
// has to do with none.
type pairing struct {
	of     string
	at     Path
	help   string
	first  []string // as they are shown
	more   int
	breaks []holdfast.Promise
}

// pairings are those of all promises, those first that reach furthest. Many
// promises may break by one pair.
func (c *judging) pairings() []*pairing {
	var all []*pairing
	of, known := map[string]*pairing{}, map[[2]topology.Risk]bool{}
	for _, p := range c.promises {
		for set := range p.cuts.Each {
			if len(set) > 2 {
				break
			}
			if len(set) < 2 || slices.ContainsFunc(set, topology.Risk.Implied) {
				continue
			}
			name := concerned(set)
			if of[name] == nil {
				of[name] = &pairing{of: name, at: c.pairAt(set), help: c.unpaired(set)}
				all = append(all, of[name])
			}
			pair := [2]topology.Risk(set)
			of[name].add(pair, p.Promise, known[pair])
			known[pair] = true
		}
	}
	return all
}

// concerned is the service that a pair is about, or the pair itself where it is
// about none: two zones, two causes. What reaches least comes last in it.
func concerned(set []topology.Risk) string {
	return cmp.Or(string(set[1].Service), topology.Text(set))
}

func (g *pairing) add(pair [2]topology.Risk, breaks holdfast.Promise, known bool) {
	const shown = 3
	if last := len(g.breaks) - 1; last < 0 || g.breaks[last] != breaks {
		g.breaks = append(g.breaks, breaks)
	}
	switch {
	case known:
	case len(g.first) < shown:
		g.first = append(g.first, topology.Text(pair[:]))
	default:
		g.more++
	}
}

// pairAt is where the service of a pair has its replicas; or what reaches
// furthest of it, where it is written first.
func (c *judging) pairAt(set []topology.Risk) Path {
	if s, is := c.services[set[1].Service]; is {
		return replicasAt(s)
	}
	if set[0].Kind == topology.ZoneRisk {
		return Path{"zones", string(zoneOf(set[0]))}
	}
	for _, s := range c.system.Services {
		if slices.Contains(s.Shares, holdfast.CauseName(set[0].Name)) {
			return at(s.Name, "shares", set[0].Name)
		}
		if urls := naming(s, set[0].Name); len(urls) > 0 {
			return at(s.Name, "urls", urls[0])
		}
	}
	return Path{"services"}
}

// unpaired is what makes a third thing of two.
func (c *judging) unpaired(set []topology.Risk) string {
	s, is := c.services[set[1].Service]
	switch {
	case !is:
		return "put a replica of what fails with both where neither of them reaches"
	case set[1].Kind == topology.StaleRisk:
		return "add `json` or `file` to the fallback, for when there is no copy"
	case quorum(s):
		return fmt.Sprintf("%d replicas may lose any two", max(5, s.Replicas+1+s.Replicas%2))
	case set[0].Kind != topology.ReplicaRisk:
		return "have another replica where neither of them reaches"
	default:
		return "have one more replica"
	}
}

func (g *pairing) finding(fails string) Finding {
	sets := strings.Join(g.first, ", ")
	if g.more > 0 {
		sets += fmt.Sprintf(" and %d more pairs", g.more)
	}
	return Finding{
		Of: g.of, At: g.at, Message: fails + " with " + sets, Help: g.help,
		Note: "two at once are rare, until the second comes while the first is being mended or a replica is replaced",
	}
}
