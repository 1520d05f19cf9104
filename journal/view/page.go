package view

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"holdfast"
	"holdfast/event"
)

func severe(s holdfast.Severity) string {
	switch s {
	case holdfast.SEV1:
		return "users are not answered, or a promise is broken"
	case holdfast.SEV2:
		return "a promise burns, or what others need is gone"
	case holdfast.SEV3:
		return "few users see it, if any: what holds them up is thinner than declared"
	default:
		return "it can wait until morning"
	}
}

// Message is what is sent of an incident now, to one person by one channel.
func (s *Incidents) Message(p event.Paged, at time.Time) holdfast.Message {
	m := holdfast.Message{Key: p.Key, Purpose: p.Purpose, Incident: p.Incident, System: s.System, Urgency: p.Urgency, To: p.To, At: at}
	i := s.Find(p.Incident)
	if i == nil {
		m.Severity, m.Subject, m.Body = holdfast.SEV3, fmt.Sprintf("%s: incident %s", s.System, p.Incident), "Nothing more is known of it here any longer.\nNEXT: holdfast status"
		return m
	}
	m.Severity, m.Drill = i.Severity, i.Drill
	m.Subject = cut(event.Plain(strings.Join(strings.Fields(i.subject(s.System, p)), " ")), holdfast.MaxSubject)
	switch p.Purpose {
	case holdfast.Acknowledge:
		m.Body = cut(event.Plain(i.taken()), holdfast.MaxBody)
	case holdfast.Resolve:
		m.Body = cut(event.Plain(i.over(at)), holdfast.MaxBody)
	default:
		m.Body = i.body(&s.Memory, at)
	}
	return m
}

// subject is one line, a drill's word first.
func (i *Incident) subject(system holdfast.SystemName, p event.Paged) string {
	words := fmt.Sprintf("%s %s %s: %s", i.drillWord(), i.Severity, system, i.lead().name())
	switch p.Purpose {
	case holdfast.Acknowledge:
		words = fmt.Sprintf("%s taken by %s: %s %s: %s", i.drillWord(), cmp.Or(i.By, "somebody"), i.Severity, system, i.lead().name())
	case holdfast.Resolve:
		words = fmt.Sprintf("%s RESOLVED %s %s: %s", i.drillWord(), i.Severity, system, i.lead().name())
	default:
		if hurt := i.Hurt.all(); hurt.Failed > 0 {
			words += fmt.Sprintf(", %s of requests fail", percent(hurt.Failed, hurt.Asked))
		}
		if n := len(i.Parts) + i.More; n > 1 {
			words += fmt.Sprintf(" (and %d more)", n-1)
		}
	}
	return words
}

func (i *Incident) drillWord() string {
	if !i.Drill {
		return ""
	}
	return event.DrillWord
}

// promiseWord begins the name of a promise, and no other.
const promiseWord = "the promise "

func (p Part) name() string {
	switch {
	case p.Mode != "" && p.ID.Ordinal > 0:
		return fmt.Sprintf("%s on %s", p.Mode, p.ID.Name())
	case p.Mode != "":
		return string(p.Mode)
	case p.ID.Ordinal > 0:
		return string(p.ID.Name()) + ", which no declared mode answers for"
	case p.Promise != "":
		return promiseWord + string(p.Promise) + " of " + cmp.Or(string(p.Service), "everything")
	default:
		return promiseWord + "of " + cmp.Or(string(p.Service), "everything that is published")
	}
}

// taken says that somebody has it, so that the others may sleep.
func (i *Incident) taken() string {
	return join(i.drillLine(),
		fmt.Sprintf("%s has taken incident %s after %s. You need do nothing.", cmp.Or(i.By, "Somebody"), i.ID, event.Short(i.At(event.MomentAcknowledged).Sub(i.Opened))),
		"It is still bad: "+i.lead().name()+".",
		"If it is not over in "+event.Short(holdfast.AcknowledgedFor)+", it is paged anew.",
		"SHOW: holdfast incidents show "+string(i.ID))
}

// over says that nobody is needed any more, and what it was.
func (i *Incident) over(at time.Time) string {
	resolved := cmp.Or(i.Resolved, at)
	lines := []string{i.drillLine(),
		fmt.Sprintf("Incident %s is over after %s, at %s UTC: %s.", i.ID, event.Short(resolved.Sub(i.Opened)), clock(resolved), i.end()),
		i.users()}
	if by := i.lead().mended(); by != "" {
		lines = append(lines, "WHAT MENDED IT: "+by)
	}
	return join(append(lines, "NEXT: holdfast postmortem "+string(i.ID))...)
}

// end is why nobody is needed any more.
func (i *Incident) end() string {
	switch {
	case i.Stopped:
		return "everything was stopped, as somebody asked; what was bad was not mended"
	case !slices.ContainsFunc(i.Parts, func(p Part) bool { return !p.promised() }):
		return "the budget does not burn any more so fast that somebody is needed"
	default:
		return "all that was bad in it serves again"
	}
}

// mended is the last thing that was tried and helped.
func (p Part) mended() string {
	for _, t := range slices.Backward(p.Course.Tries) {
		if strings.HasPrefix(t.Result, "it answers again") {
			return t.text()
		}
	}
	return ""
}

func (i *Incident) drillLine() string {
	if !i.Drill {
		return ""
	}
	return event.DrillWord + ": a live drill is under way of this. It is to be answered as if it were none."
}

// body is the page. What it lists is listed as far as it fits: the next thing to do,
// which comes last, is never cut off.
func (i *Incident) body(m *memory, at time.Time) string {
	text := ""
	for _, most := range []int{6, 4, 2, 1} {
		if text = event.Plain(i.pageOf(m, at, most)); len(text) <= holdfast.MaxBody {
			return text
		}
	}
	return cut(text, holdfast.MaxBody)
}

// maxLine bounds a line of a page: reasons come from programs, and may be long.
const maxLine = 300

func (i *Incident) pageOf(m *memory, at time.Time, most int) string {
	lead := i.lead()
	sections := []string{
		join(i.drillLine(), fmt.Sprintf("%s of %s, opened %s UTC, %s ago. %s: %s.",
			i.ID, cmp.Or(string(m.File.Name), "the system"), i.Opened.UTC().Format("Mon 2 Jan 15:04:05"), ago(at.Sub(i.Opened)), i.Severity, severe(i.Severity))),
		section("USERS SEE", append([]string{i.users(), m.inUse(i.services(m))}, i.burning(most)...)...),
		section("WHAT FAILS", i.fails(most)...),
		section("TRIED", append(lead.tried(most), i.triedBeside(most)...)...),
		section("WITHHELD", i.withheld(most)...),
		section("LAST DRILL", lead.drilled(at)),
		section("CHANGED LATELY", i.changed(most)...),
		section("RUNBOOK", cmp.Or(lead.Facts.Runbook, "none is declared"+lead.runbookHint())),
		section("NEXT", i.next(m)...),
	}
	return strings.Join(slices.DeleteFunc(sections, func(s string) bool { return s == "" }), "\n\n")
}

// runbookHint says where one is to be named, of what the file can say something.
func (p Part) runbookHint() string {
	if p.Facts.Kind == "" || p.Service == "" {
		return ""
	}
	return fmt.Sprintf("; what you do tonight is one: failure_modes: {%s: {runbook: …}}", p.Facts.Kind)
}

// services are those that an incident is about, and the published ones that need them.
func (i *Incident) services(m *memory) []holdfast.ServiceName {
	var all []holdfast.ServiceName
	add := func(name holdfast.ServiceName) {
		if name != "" && !slices.Contains(all, name) {
			all = append(all, name)
		}
	}
	for _, p := range i.Parts {
		add(cmp.Or(p.ID.Service, p.Service))
	}
	need := i.needing(&m.File)
	for _, service := range m.File.Services {
		if m.File.Publishes(service) && need(Count{Service: service.Name}) {
			add(service.Name)
		}
	}
	return all
}

func section(head string, lines ...string) string {
	var text strings.Builder
	text.WriteString(head)
	for _, line := range lines {
		if line != "" {
			text.WriteString("\n  " + cut(strings.Join(strings.Fields(line), " "), maxLine))
		}
	}
	return text.String()
}

// fails says what it is, whose, and what else belongs to it.
func (i *Incident) fails(most int) []string {
	p := i.lead()
	what := p.name()
	if p.Facts.Title != "" {
		what += " (" + p.Facts.Title + ")"
	}
	if !p.Course.Since.IsZero() {
		what += " since " + clock(p.Course.Since)
	}
	lines := []string{what + ". " + capital(p.Why) + ".", "owner: " + cmp.Or(string(p.Owner), string(i.Owner), "nobody")}
	if p.Course.Sign != "" && !strings.Contains(p.Why, p.Course.detail()) {
		lines = append(lines, "noticed by "+p.Course.Sign)
	}
	if at := p.overAt(); !at.IsZero() && i.Resolved.IsZero() {
		lines = append(lines, "It serves again since "+clock(at)+"; the incident is open for what is with it.")
	}
	if p.Course.Evidence != "" {
		lines = append(lines, "evidence: "+p.Course.Evidence)
	}
	others := slices.Delete(slices.Clone(i.Parts), min(i.Lead, len(i.Parts)), min(i.Lead+1, len(i.Parts)))
	for _, o := range others[:min(most, len(others))] {
		lines = append(lines, "with it"+o.overWord()+": "+o.name()+o.because())
	}
	if more := len(others) + i.More - min(most, len(others)); more > 0 {
		lines = append(lines, fmt.Sprintf("with it: %d more", more))
	}
	return lines
}

// because is why people are needed for a part; of a promise it is told with what users
// see.
func (p Part) because() string {
	if p.Burned != nil {
		return ", as above"
	}
	return ": " + p.Why
}

// overAt is since when a part is not bad any more, zero while it is.
func (p Part) overAt() time.Time { return cmp.Or(p.Cooled, p.Course.Restored) }

func (p Part) overWord() string {
	if at := p.overAt(); !at.IsZero() {
		return ", over since " + clock(at)
	}
	return ""
}

// burning is what is left to say of promises.
func (i *Incident) burning(most int) []string {
	var lines []string
	for _, p := range i.Parts {
		if b := p.Burned; b != nil && len(lines) < most {
			state := "burns"
			if !p.Cooled.IsZero() {
				state = "burned"
			}
			by := ""
			if b.By != "" {
				by = ": " + b.By
			}
			lines = append(lines, fmt.Sprintf("%s (%s) %s by rule %s, %.3g times faster than it may%s; at %s %d of %d requests were bad%s",
				capital(p.name()), p.Target, state, b.Rule, b.Rate, p.more(), clock(p.BurnedAt), b.Bad, b.All, by))
		}
	}
	return lines
}

// more says how many other rules hold.
func (p Part) more() string {
	if n := len(p.Rules) - 1; n > 0 && slices.Contains(p.Rules, p.Burned.Rule) {
		return fmt.Sprintf(", and by %s more", count(n, "rule"))
	}
	return ""
}

// tried are the remedies, by gateways and by the mind, each with its result.
func (p Part) tried(most int) []string {
	lines := p.standing()
	out, tries := p.Course.Out, p.Course.Tries
	if len(tries) > most {
		lines = append(lines, tries[0].text(), fmt.Sprintf("… %d more …", len(tries)-most+p.Course.Left))
		tries = tries[len(tries)-most+1:]
	}
	for _, t := range tries {
		if out != nil && !t.At.Before(out.At) {
			lines, out = append(lines, out.text()), nil
		}
		lines = append(lines, t.text())
	}
	if out != nil {
		lines = append(lines, out.text())
	}
	if len(lines) == 0 {
		return []string{"nothing: " + p.whyNothing()}
	}
	return lines
}

// triedBeside is the last remedy for each of the other parts.
func (i *Incident) triedBeside(most int) []string {
	var lines []string
	for k, p := range i.Parts {
		if n := len(p.Course.Tries); k != i.Lead && n > 0 && len(lines) < most {
			lines = append(lines, p.Course.Tries[n-1].text())
		}
	}
	return lines
}

func (o Out) text() string {
	if o.Kept {
		return fmt.Sprintf("%s %s keeps it in use although it is bad: it would leave too few", clock(o.At), o.Gateway)
	}
	return fmt.Sprintf("%s %s took it out of use: %d left", clock(o.At), o.Gateway, o.Left)
}

func (t Try) text() string {
	attempt := ""
	if t.Attempt > 0 {
		attempt = fmt.Sprintf(", attempt %d of %d", t.Attempt, t.Of)
	}
	return fmt.Sprintf("%s %s %s%s: %s", clock(t.At), t.Do, t.ID, attempt, cmp.Or(t.Result, "nothing is heard of it yet"))
}

// standing are remedies that nobody decides: they hold whenever the failure does.
func (p Part) standing() []string {
	var lines []string
	for _, remedy := range p.Facts.Remedies {
		switch remedy {
		case holdfast.RemedyFallback:
			lines = append(lines, "fallback: the gateway answers in its place")
		case holdfast.RemedyFailFast:
			lines = append(lines, "fail-fast: its callers get an error at once, and do not pile up")
		case holdfast.RemedyShed:
			lines = append(lines, "shed: the gateway refuses what is least important first")
		case holdfast.RemedyKeeper:
			lines = append(lines, "keeper-restart: the keeper starts it again at once")
		case holdfast.RemedyAdopt:
			lines = append(lines, "adopt: the next keeper takes over what runs")
		}
	}
	return lines
}

func (p Part) whyNothing() string {
	switch {
	case p.Mode == "" && p.ID.Ordinal == 0:
		return "a promise is mended by nothing, what breaks it is"
	case p.Facts.Kind == "":
		return "no declared mode answers for it"
	case len(p.Facts.Remedies) == 0:
		return "no remedy is declared for " + string(p.Mode)
	case len(p.Course.Withheld) > 0:
		return "what is declared is withheld, see below"
	default:
		return "of " + named(p.Facts.Remedies) + " nothing is recorded"
	}
}

// withheld are the remedies that a guardrail forbids, of all that is bad.
func (i *Incident) withheld(most int) []string {
	var lines []string
	for _, p := range i.Parts {
		for _, h := range p.Course.Withheld {
			lines = append(lines, h.text())
		}
	}
	if len(lines) == 0 {
		return []string{"nothing"}
	}
	return lines[max(0, len(lines)-most):]
}

func (h Held) text() string {
	again := ""
	if h.Again > 0 {
		again = fmt.Sprintf(" (%d times)", h.Again+1)
	}
	return fmt.Sprintf("%s %s of %s by %s%s: %s", clock(h.At), h.Do, h.ID.Name(), h.Guardrail, again, cmp.Or(h.Why, "no reason was recorded"))
}

// drilled says what this mode did when it was last made to fail on purpose.
func (p Part) drilled(at time.Time) string {
	switch {
	case p.Facts.Kind == "" && p.Mode == "":
		return "none: no declared mode, so no drill. By day, holdfast incidents show proposes one."
	case p.Drilled == nil:
		return "never: nobody has seen " + string(p.Mode) + " mended." + p.Facts.bounds()
	}
	d := p.Drilled
	stale := ""
	if p.Stale {
		stale = " (the file, or the program, has changed since)"
	}
	text := fmt.Sprintf("%s on %s, %s before%s: %s.", d.Verdict, d.At.UTC().Format(time.DateOnly), ago(at.Sub(d.At)), stale, showed(d.Showed))
	if d.Verdict != holdfast.Pass && d.Showed.Reason != "" {
		text += " " + capital(d.Showed.Reason) + "."
	}
	return text + p.Facts.bounds()
}

func showed(s event.Showed) string {
	if s == (event.Showed{}) {
		return "what it did then is not kept"
	}
	reached := func(d time.Duration) string {
		switch {
		case d < 0:
			return "never"
		case d == 0:
			return "at once"
		default:
			return "in " + event.Short(d)
		}
	}
	text := fmt.Sprintf("noticed %s, users whole %s, all back %s, %d of %d requests hurt", reached(s.Detect), reached(s.Mitigate), reached(s.Restore), s.Hurt, s.Sent)
	if s.Fault != "" {
		text = "by fault " + string(s.Fault) + " " + text
	}
	return text
}

func (f Facts) bounds() string {
	b := f.Bounds
	var words []string
	for _, one := range []struct {
		what string
		is   time.Duration
	}{{"detect", b.Detect}, {"mitigate", b.Mitigate}, {"restore", b.Restore}} {
		if one.is > 0 {
			words = append(words, one.what+" "+event.Short(one.is))
		}
	}
	if b.Impact > 0 {
		words = append(words, "impact "+b.Impact.String())
	}
	if len(words) == 0 {
		return ""
	}
	return " Its bounds: " + strings.Join(words, ", ") + "."
}

// changed is what was changed on purpose in the hours before, the latest last.
func (i *Incident) changed(most int) []string {
	var lines []string
	for _, r := range last(i.Changes, most) {
		lines = append(lines, fmt.Sprintf("%s before: %s", ago(i.Opened.Sub(r.Wall)), r.Text))
	}
	if len(lines) == 0 {
		return []string{"nothing that Holdfast knows of, in the " + ago(changedLately) + " before"}
	}
	return lines
}

// ago is how long something is past, in as many words as matter.
func ago(d time.Duration) string {
	switch {
	case d >= 48*time.Hour:
		return fmt.Sprintf("%d days", int(d/(24*time.Hour)))
	case d >= 2*time.Hour:
		return fmt.Sprintf("%d hours", int(d/time.Hour))
	case d >= 2*time.Minute:
		return fmt.Sprintf("%d minutes", int(d/time.Minute))
	case d < time.Second:
		return "a moment"
	default:
		return event.Short(d)
	}
}

func capital(text string) string {
	if text == "" {
		return ""
	}
	return strings.ToUpper(text[:1]) + strings.TrimSuffix(text[1:], ".")
}

// join puts lines together, without those that are empty.
func join(lines ...string) string {
	return strings.Join(slices.DeleteFunc(lines, func(l string) bool { return l == "" }), "\n")
}

// cut bounds a text at a whole character.
func cut(text string, most int) string {
	if len(text) <= most {
		return text
	}
	return strings.ToValidUTF8(text[:most-len("…")], "") + "…"
}
