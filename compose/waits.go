package compose

import (
	"slices"

	"github.com/compose-spec/compose-go/v2/types"

	"holdfast/diagnostic"
)

// waitsForNoHealth finds services that wait until another is well which nobody
// asks. Docker then knows no health, and Compose ends the start with "has no
// healthcheck configured". Of an image that may bring a check along it is said
// in another way.
func waitsForNoHealth(f *file) {
	for _, on := range f.services {
		waiting := f.waitingFor(on, types.ServiceConditionHealthy)
		if len(waiting) == 0 || on.checked() || on.partial || on.unsure("healthcheck") {
			continue
		}
		plain := on.image.known && on.image.registry == "" && slices.Contains(plainImages(), on.image.name)
		p := diagnostic.Problem{Of: on.Name, Help: addCheck(on)}
		switch {
		case on.unchecked():
			p.Code, p.Message = noHealth, names(waiting)+verb(waiting, " waits", " wait")+" until "+diagnostic.Tick(on.Name)+" is healthy, and its health check is switched off"
			p.Note, p.Help = "`docker compose up` ends with an error instead of starting "+names(waiting), "remove what switches it off, or wait with `condition: service_started`"
		case plain:
			p.Code, p.Message = noHealth, names(waiting)+verb(waiting, " waits", " wait")+" until "+diagnostic.Tick(on.Name)+" is healthy, and "+diagnostic.Tick(on.Name)+" has no health check"
			p.Note = "the image " + diagnostic.Tick(on.image.name) + " brings none along: `docker compose up` ends with \"has no healthcheck configured\" instead of starting " + names(waiting)
		default:
			p.Code, p.Message = unseenHealth, names(waiting)+verb(waiting, " waits", " wait")+" until "+diagnostic.Tick(on.Name)+" is healthy, and the file gives "+diagnostic.Tick(on.Name)+" no health check"
			p.Note = "unless its image brings one along, which cannot be seen here, `docker compose up` ends with \"has no healthcheck configured\""
		}
		f.reportOnce(append([]mark{{of: on, at: on.written.at}}, waiting...), p)
	}
}

// waitingFor are the services that wait for something of another, at the places
// where they say so.
func (f *file) waitingFor(on *service, condition string) []mark {
	var all []mark
	for _, s := range on.callers {
		for _, n := range s.needs {
			if n.on == on && n.condition == condition && n.required {
				all = append(all, mark{of: s, at: n.at})
			}
		}
	}
	return all
}

func verb(of []mark, one, many string) string {
	if len(of) == 1 {
		return one
	}
	return many
}

// addCheck says how a health check is written.
func addCheck(s *service) string {
	if s.store.asks != "" {
		return "add `healthcheck: {test: " + s.store.asks + ", interval: 5s, retries: 10, start_period: 30s}` to " + diagnostic.Tick(s.Name)
	}
	return "add a `healthcheck:` to " + diagnostic.Tick(s.Name) + " that asks the service itself, or wait with `condition: service_started`"
}

// waitsForNoEnd finds services that wait until another has ended well, which
// Docker starts again as soon as it ends: it is never seen ended.
func waitsForNoEnd(f *file) {
	for _, on := range f.services {
		waiting := f.waitingFor(on, types.ServiceConditionCompletedSuccessfully)
		policy := on.policy()
		if len(waiting) == 0 || on.partial || policy != types.RestartPolicyAlways && policy != types.RestartPolicyUnlessStopped {
			continue
		}
		at := on.at("restart")
		if on.Deploy != nil && on.Deploy.RestartPolicy != nil {
			at = on.at("deploy", "restart_policy")
		}
		f.reportOnce(append([]mark{{of: on, at: at}}, waiting...), diagnostic.Problem{
			Code: endless, Of: on.Name, Message: names(waiting) + verb(waiting, " waits", " wait") + " until " + diagnostic.Tick(on.Name) + " has ended, and Docker starts it again whenever it ends",
			Note: "it does its work over and over, and " + names(waiting) + verb(waiting, " never starts", " never start"),
			Help: "write `restart: on-failure` for " + diagnostic.Tick(on.Name) + ", or remove `restart`",
		})
	}
}

// sleepingNeeds finds services that are always started and need one that is
// started only with a profile. Compose refuses to start anything then.
func sleepingNeeds(f *file) {
	for _, s := range f.services {
		for _, n := range s.needs {
			if len(s.Profiles) > 0 || len(n.on.Profiles) == 0 || !n.required || n.seen || s.unsure("profiles") || n.on.unsure("profiles") {
				continue
			}
			f.report(s, n.at, diagnostic.Problem{
				Code: sleepingNeed, Message: diagnostic.Tick(s.Name) + " needs " + diagnostic.Tick(n.on.Name) + ", which is started only with a profile",
				Also: []diagnostic.Mark{{Place: n.on.at("profiles")}},
				Note: "without that profile `docker compose up` ends with \"depends on undefined service\", and starts nothing",
				Help: "give both the same profile, or write `" + n.on.Name + ": {condition: service_started, required: false}`",
			})
		}
	}
}

// impatientStarts finds databases and brokers that others depend on without
// waiting until they can answer. What answers at once, such as Redis, is not
// worth the wait.
func impatientStarts(f *file) {
	if f.swarm {
		return // a swarm knows no order of starts
	}
	for _, on := range f.services {
		if !on.store.isStore() || on.store.quick || on.partial {
			continue
		}
		var early []mark
		for _, s := range on.callers {
			for _, n := range s.needs {
				if n.on == on && n.required && !n.waits() && !n.seen && !s.partial {
					early = append(early, mark{of: s, at: n.at})
				}
			}
		}
		if len(early) == 0 {
			continue
		}
		help := "write `depends_on: {" + on.Name + ": {condition: service_healthy}}`"
		if !on.checked() {
			help += ", and " + addCheck(on)
		}
		f.reportOnce(early, diagnostic.Problem{
			Code: impatient, Of: on.Name, Message: names(early) + verb(early, " starts", " start") + " without waiting until " + diagnostic.Tick(on.Name) + " can answer",
			Label: "waits for its container only",
			Note:  on.store.called + " needs a while before it takes connections, longest at its first start; whether " + names(early) + verb(early, " tries", " try") + " again meanwhile cannot be seen here",
			Help:  help,
		})
	}
}
