package event

import (
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"holdfast"
)

// Text is the one textual form of a body: in plays, on the terminal, in the
// timeline and in a postmortem. It begins with the kind's verb and is one line.
func Text(body Body) string { return strings.ReplaceAll(Plain(textOf(body)), "\n", " ") }

// Plain is a text without what would move a cursor, colour a screen or turn a line
// around: reasons come from programs and providers, which must not write over what is
// said of them. Lines and columns stay.
func Plain(text string) string {
	moves := func(c rune) bool {
		return c != '\n' && c != '\t' && (unicode.IsControl(c) || unicode.In(c, unicode.Cf, unicode.Zl, unicode.Zp))
	}
	if !strings.ContainsFunc(text, moves) && utf8.ValidString(text) {
		return text
	}
	return strings.Map(func(c rune) rune {
		if moves(c) {
			return utf8.RuneError // something was there
		}
		return c
	}, text)
}

func textOf(body Body) string {
	switch b := body.(type) {
	case holdfast.Started:
		return join("started", b.ID.String(), "at "+b.Address, pid(b.Pid), mark(b.Adopted, "adopted"), mark(b.Lacks != "", "WITHOUT LIMITS: "+b.Lacks))
	case holdfast.NotStarted:
		return fmt.Sprintf("not started %s: %s", b.ID, b.Reason)
	case holdfast.Exited:
		return fmt.Sprintf("exited %s %s after %s", b.ID, b.Status, Short(b.Ran))
	case holdfast.Ejected:
		return textEjected(b)
	case holdfast.Admitted:
		return join("admitted", b.ID.String(), "by "+string(b.Gateway)) + colon(b.Detail)
	case Suspected:
		return fmt.Sprintf("suspected %s %s by %s", b.ID, b.Mode, b.Sign) + colon(b.Detail)
	case Cleared:
		return fmt.Sprintf("cleared %s %s", b.ID, b.Mode)
	case Detected:
		return fmt.Sprintf("detected %s %s by %s after %s", b.ID, b.Mode, b.Sign, Short(b.After)) + colon(b.Detail)
	case Decided:
		return join("decided", string(b.Do), b.ID.String(), attempt(b.Attempt, b.Of))
	case Waited:
		return fmt.Sprintf("waited to %s %s for %s before attempt %d", b.Do, b.ID, Short(b.For), b.Attempt)
	case Withheld:
		return fmt.Sprintf("withheld %s %s by %s", b.Do, b.ID, b.Guardrail) + colon(b.Why)
	case Mitigated:
		return fmt.Sprintf("mitigated %s %s after %s", b.ID, b.Mode, Short(b.After))
	case Restored:
		return fmt.Sprintf("restored %s %s after %s", b.ID, b.Mode, Short(b.After))
	case Exceeded:
		return fmt.Sprintf("exceeded %s %s: its bound to %s is %s", b.ID, b.Mode, b.Bound, Short(b.Within))
	case Escalated:
		return join("escalated", b.ID.String(), string(b.Mode), "to "+someone(b.Owner)) + colon(b.Why)
	default:
		return textTold(body)
	}
}

// textTold is the text of what people, the file and our hands tell the mind.
func textTold(body Body) string {
	switch b := body.(type) {
	case holdfast.Overloaded:
		return fmt.Sprintf("overloaded %s by %s, %d refused in %s, up to %s, limit %d", b.Service, b.Gateway, b.Shed, Short(b.After), b.Highest, b.Limit) + colon(b.Detail)
	case holdfast.Relieved:
		return fmt.Sprintf("relieved %s by %s, %d refused in %s", b.Service, b.Gateway, b.Shed, Short(b.Lasted))
	case holdfast.Counted:
		return textCounted(b)
	case holdfast.Drained:
		return fmt.Sprintf("drained %s by %s after %s", b.ID, b.Gateway, Short(b.Lasted)) + cutOff(b.Cut)
	case Declared:
		return fmt.Sprintf("declared %s with %d services and %d failure modes", b.System.Name, len(b.System.Services), len(b.System.Modes))
	case Woken:
		return fmt.Sprintf("woken at epoch %d", b.Epoch)
	case Paused:
		return join("paused", scope(b.Service), "by "+b.By)
	case Resumed:
		return join("resumed", scope(b.Service), "by "+b.By)
	case StopRequested:
		return "stop requested by " + b.By
	case Began:
		return "began " + b.Action.String()
	case Done:
		return "done " + b.Action.String()
	case Failed:
		return "failed " + b.Action.String() + colon(b.Reason)
	case FaultInjected:
		return fmt.Sprintf("fault injected %s %s by drill of %s", b.Fault, b.ID, b.Mode)
	case FaultRemoved:
		return fmt.Sprintf("fault removed %s %s by drill of %s", b.Fault, b.ID, b.Mode)
	case DrillBegan:
		return join("drill began", drilled(b.Services), "by "+b.By)
	case DrillEnded:
		return "drill ended"
	case GuardsReset:
		return "guards reset by " + b.By
	case Captured:
		return join("captured", b.ID.String()) + colon(b.Summary) + within(b.Path)
	case Inspected:
		return fmt.Sprintf("inspected what the proofs of %d failure modes rest on", len(b.Bases))
	case Proved:
		return fmt.Sprintf("proved %s %s at %s", b.Mode, b.Verdict, b.At.UTC().Format(time.RFC3339))
	case Armed:
		return "armed " + string(b.Mode) + colon(b.Why)
	case Disarmed:
		return "in shadow " + string(b.Mode) + colon(b.Why)
	case Outdated:
		return "outdated" + colon(Few(b.IDs))
	case Stopped:
		return "stopped"
	default:
		if text := textOfIncident(body); text != "" {
			return text
		}
		panic(fmt.Sprintf("event: no text for a body of kind %q: every body has one", body.Kind()))
	}
}

func textEjected(b holdfast.Ejected) string {
	verb := "ejected"
	if b.Kept {
		verb = "kept although bad"
	}
	return fmt.Sprintf("%s %s by %s, %d left, by %s", verb, b.ID, b.Gateway, b.Remaining, b.Sign) + colon(b.Detail)
}

func textCounted(b holdfast.Counted) string {
	var requests, failed uint64
	for _, r := range b.Routes {
		requests += r.Requests
		failed += r.Failed
	}
	return fmt.Sprintf("counted by %s: %d requests by %d routes since it began, %d failed", b.Gateway, requests, len(b.Routes), failed)
}

func drilled(services []holdfast.ServiceName) string {
	if len(services) == 0 {
		return "of everything"
	}
	var names []string
	for _, name := range services {
		names = append(names, string(name))
	}
	return "of " + strings.Join(names, ", ")
}

// Short writes a duration with the precision a person reads: "0s", "4.1ms",
// "640ms", "12.4s", "3m20s", "10m".
func Short(d time.Duration) string {
	switch {
	case d < 0:
		return "-" + Short(-d)
	case d < time.Millisecond:
		return d.Round(time.Microsecond).String()
	case d < 10*time.Millisecond:
		return d.Round(100 * time.Microsecond).String()
	case d < time.Second:
		return d.Round(time.Millisecond).String()
	case d < time.Minute:
		return d.Round(100 * time.Millisecond).String()
	default:
		text := d.Round(time.Second).String()
		if whole, ok := strings.CutSuffix(text, "m0s"); ok {
			text = whole + "m"
		}
		return text
	}
}

// Few names the first six and counts the rest: "a, b, c, d, e, f and 3 more".
func Few[T any](all []T) string {
	const most = 6
	var words []string
	for _, one := range all[:min(len(all), most)] {
		words = append(words, fmt.Sprint(one))
	}
	text := strings.Join(words, ", ")
	if len(all) > most {
		text += fmt.Sprintf(" and %d more", len(all)-most)
	}
	return text
}

func join(words ...string) string {
	return strings.Join(strings.Fields(strings.Join(words, " ")), " ")
}

// cutOff says what did not end in time.
func cutOff(n int) string {
	if n == 0 {
		return ""
	}
	return fmt.Sprintf(", %d cut off", n)
}

func colon(detail string) string {
	if detail == "" {
		return ""
	}
	return ": " + detail
}

func within(path string) string {
	if path == "" {
		return ""
	}
	return " (" + path + ")"
}

func pid(n int) string {
	if n == 0 {
		return ""
	}
	return fmt.Sprintf("pid %d", n)
}

func mark(set bool, word string) string {
	if set {
		return word
	}
	return ""
}

func attempt(n, of int) string {
	if n == 0 {
		return ""
	}
	return fmt.Sprintf("attempt %d of %d", n, of)
}

func scope(service holdfast.ServiceName) string {
	if service == "" {
		return "everything"
	}
	return string(service)
}

func someone(owner holdfast.OwnerName) string {
	if owner == "" {
		return "nobody"
	}
	return string(owner)
}
