package compose

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/compose-spec/compose-go/v2/types"

	"holdfast/diagnostic"
)

// Docker's own settings of a health check, for what a file leaves out
// (docs.docker.com/reference/dockerfile/#healthcheck).
const (
	checkInterval = 30 * time.Second
	checkTimeout  = 30 * time.Second
	checkRetries  = 3
)

// longest is how long a hang may go unnoticed before it is worth a word: what
// Docker's own settings come to.
const longest = checkRetries * (checkInterval + checkTimeout)

// test is the command of a health check that the file itself gives, and which
// can be read.
func (s *service) test() []string {
	if !s.checked() || len(s.HealthCheck.Test) < 2 || s.unsure("healthcheck", "test") {
		return nil
	}
	return s.HealthCheck.Test
}

// emptyChecks finds health checks that are given as words and written as if a
// shell read them. Docker runs the first word of CMD as a program with the others
// as its arguments: a program called "curl -f http://…" does not exist, and `||`
// is one more argument.
func emptyChecks(f *file) {
	for _, s := range f.services {
		test := s.test()
		if test == nil {
			continue
		}
		switch {
		case test[0] == "CMD" && strings.ContainsAny(strings.TrimSpace(test[1]), " \t\n"):
			f.report(s, s.at("healthcheck", "test"), diagnostic.Problem{
				Code: emptyCheck, Message: "the health check of " + diagnostic.Tick(s.Name) + " runs a program called " + diagnostic.Tick(test[1]),
				Note: "`CMD` takes a program and its arguments, each for itself; no program has that name, so the check always fails and the service is never healthy",
				Help: "write `[\"CMD-SHELL\", \"" + diagnostic.Shown(test[1]) + "\"]`, or each word for itself",
			})
		case test[0] == "CMD" && operator(test) != "":
			f.report(s, s.at("healthcheck", "test"), diagnostic.Problem{
				Code: emptyCheck, Message: "the health check of " + diagnostic.Tick(s.Name) + " hands " + diagnostic.Tick(operator(test)) + " to its program as an argument",
				Note: "no shell reads what follows `CMD`, so the program is asked for things that do not exist",
				Help: "write `[\"CMD-SHELL\", \"" + diagnostic.Shown(strings.Join(test[1:], " ")) + "\"]`",
			})
		case test[0] == "CMD-SHELL" && len(test) > 2:
			f.report(s, s.at("healthcheck", "test"), diagnostic.Problem{
				Code: cutCheck, Message: "only " + diagnostic.Tick(test[1]) + " is run by the health check of " + diagnostic.Tick(s.Name),
				Note: "`CMD-SHELL` takes one text; a shell runs it, and the other items of the list are lost on it",
				Help: "write `[\"CMD-SHELL\", \"" + diagnostic.Shown(strings.Join(test[1:], " ")) + "\"]`, or `CMD` instead of `CMD-SHELL`",
			})
		}
	}
}

// operator is the first word of a command that only a shell understands.
func operator(test []string) string {
	for _, word := range test[1:] {
		if slices.Contains([]string{"||", "&&", "|", ";", ">", ">>", "2>&1", ">/dev/null"}, word) {
			return word
		}
	}
	return ""
}

// nosyChecks finds health checks that ask another service of the file: when that
// one is down, all that ask it are called unhealthy too.
func nosyChecks(f *file) {
	byName := map[string]*service{}
	for _, s := range f.services {
		byName[s.Name] = s
	}
	for _, s := range f.services {
		asked := askedHost(s, byName)
		if asked == nil {
			continue
		}
		f.report(s, s.at("healthcheck", "test"), diagnostic.Problem{
			Code: nosyCheck, Message: "the health check of " + diagnostic.Tick(s.Name) + " asks " + diagnostic.Tick(asked.Name),
			Note: "when " + diagnostic.Tick(asked.Name) + " is down, " + diagnostic.Tick(s.Name) + " is called unhealthy too: proxies stop sending to it, and whatever restarts unhealthy containers restarts it for nothing",
			Help: "ask only whether " + diagnostic.Tick(s.Name) + " itself answers, at `localhost`; that it needs the other is said by `depends_on`",
		})
	}
}

// askedHost is the other service that a health check names as a host: in an
// address, or behind -h and the like.
func askedHost(s *service, byName map[string]*service) *service {
	test := s.test()
	if test == nil {
		return nil
	}
	words := strings.Fields(strings.Join(test[1:], " "))
	for i, word := range words {
		host := ""
		word = strings.Trim(word, `"'();`)
		if _, rest, address := strings.Cut(word, "://"); address {
			rest, _, _ = strings.Cut(rest, "/")
			host = hostOf(rest[strings.LastIndexByte(rest, '@')+1:])
		} else if flag, value, joined := strings.Cut(word, "="); joined && slices.Contains(hostFlags(), flag) {
			host = hostOf(value)
		} else if i > 0 && slices.Contains(hostFlags(), words[i-1]) {
			host = hostOf(word)
		}
		if other := byName[strings.Trim(host, `"'`)]; other != nil && other != s && s.Hostname != other.Name && s.ContainerName != other.Name {
			return other
		}
	}
	return nil
}

func hostFlags() []string {
	return []string{"-h", "--host", "-host", "--hostname", "--bootstrap-server", "--broker-list", "-H"}
}

// hastyChecks finds health checks that have given up before a slow first start
// is over, while another service waits for it: its start fails with "is
// unhealthy".
func hastyChecks(f *file) {
	for _, s := range f.services {
		check := s.HealthCheck
		waiting := f.waitingFor(s, types.ServiceConditionHealthy)
		if len(waiting) == 0 || s.test() == nil || check.StartPeriod != nil || s.store.starts == 0 || s.unsure("healthcheck") {
			continue
		}
		if patience := time.Duration(retries(check)) * duration(check.Interval, checkInterval); patience < s.store.starts {
			f.report(s, s.at("healthcheck"), diagnostic.Problem{
				Code: hastyCheck, Message: fmt.Sprintf("%s is called unhealthy after %s, and its first start takes longer", diagnostic.Tick(s.Name), diagnostic.Span(patience)),
				Note: fmt.Sprintf("%s commonly needs over %s to create its files; then `docker compose up` ends with \"is unhealthy\" and does not start %s", s.store.called, diagnostic.Span(s.store.starts), names(waiting)),
				Help: "add `start_period: 60s`: failures in that time do not count, and the first success ends it",
			})
		}
	}
}

func duration(d *types.Duration, otherwise time.Duration) time.Duration {
	if d == nil || *d == 0 {
		return otherwise
	}
	return time.Duration(*d)
}

// retries are at most what makes sense, so that no product of them overflows.
func retries(check *types.HealthCheckConfig) int {
	if check.Retries == nil || *check.Retries == 0 {
		return checkRetries
	}
	return int(min(*check.Retries, 10_000))
}

// slowChecks finds health checks that need longer to notice a hang than Docker's
// own settings.
func slowChecks(f *file) {
	for _, s := range f.services {
		if s.test() == nil || s.unsure("healthcheck") {
			continue
		}
		interval, timeout, retries := duration(s.HealthCheck.Interval, checkInterval), duration(s.HealthCheck.Timeout, checkTimeout), retries(s.HealthCheck)
		interval, timeout = min(interval, time.Hour), min(timeout, time.Hour)
		hang := time.Duration(retries) * (interval + timeout)
		if hang <= longest {
			continue
		}
		at, longestPart := s.at("healthcheck"), time.Duration(0)
		for _, part := range []struct {
			key  string
			long time.Duration
		}{{key: "interval", long: interval}, {key: "timeout", long: timeout}} {
			if n := s.look("healthcheck", part.key); n != nil && part.long > longestPart {
				at, longestPart = n.at, part.long
			}
		}
		f.report(s, at, diagnostic.Problem{
			Code: slowCheck, Message: fmt.Sprintf("a hang of %s is noticed after up to %s", diagnostic.Tick(s.Name), diagnostic.Span(hang)),
			Note: fmt.Sprintf("%s, each %s after the one before and given %s to answer; an application that refuses connections is noticed after about %s", diagnostic.Count(retries, "failed check"), diagnostic.Span(interval), diagnostic.Span(timeout), diagnostic.Span(time.Duration(retries)*interval)),
			Help: "write `interval: 10s, timeout: 3s, retries: 3`",
		})
	}
}

// missingChecks says once which services could hang without anybody noticing.
func missingChecks(f *file) {
	silent := f.which(func(s *service) bool {
		answers := len(s.Ports) > 0 || len(s.Expose) > 0 || s.needed()
		return s.runs() && answers && !s.checked() && !s.unsure("healthcheck") && !slices.Contains(checkedImages(), s.image.name)
	})
	note := "Docker itself restarts no unhealthy container either (moby#28400), but `depends_on`, proxies and people go by it"
	if f.swarm {
		note = "A swarm replaces what is unhealthy, and without a check nothing is"
	}
	f.reportOnce(silent, diagnostic.Problem{
		Code: noCheck, Message: "nothing in this file notices when " + names(silent) + verb(silent, " hangs", " hang"),
		Note: "a process that hangs still runs, so no restart policy sees it; an image may bring a health check along, which cannot be seen here. " + note,
		Help: exampleCheck(silent),
	})
}

func exampleCheck(silent []mark) string {
	for _, m := range silent {
		if m.of.store.asks != "" {
			return "add `healthcheck: {test: " + m.of.store.asks + ", interval: 10s, timeout: 3s, retries: 3}` to " + diagnostic.Tick(m.of.Name) + ", and to the others what asks them"
		}
	}
	return "add `healthcheck: {test: [\"CMD\", \"curl\", \"-fsS\", \"http://localhost:8080/healthz\"], interval: 10s, timeout: 3s, retries: 3}`, with a program that the image has"
}
