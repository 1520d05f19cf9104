package spec

import (
	"fmt"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"holdfast"
	"holdfast/diagnostic"
	"holdfast/source"
)

// The limits of what a file may ask for. They are far beyond sense and are there
// so that a slip of the finger is an error and not a thousand processes.
const (
	maxReplicas = 1000
	maxName     = 40 // names become variables, file names and socket paths
	maxWait     = 24 * time.Hour
	maxLabel    = 100 // characters of an owner, a policy or a runbook's address
)

// A complaint is why a text is not what it should be. Message goes on after the
// key's name and a colon.
type complaint struct {
	code          diagnostic.Code
	message, help string
}

// scalar makes a reader of one value: its references filled in, parsed, put in
// its place, or complained about.
func scalar[T any](r *reader, into *T, parse func(string) (T, *complaint)) func(source.Value) {
	return func(v source.Value) {
		text, ok := r.filled(v)
		if !ok {
			return
		}
		parsed, wrong := parse(text)
		if wrong != nil {
			r.Report(v.At, diagnostic.Problem{Code: wrong.code, Message: v.Name + ": " + wrong.message, Help: wrong.help})
			return
		}
		*into = parsed
	}
}

// optional is scalar for what is nil until it is written.
func optional[T any](r *reader, into **T, parse func(string) (T, *complaint)) func(source.Value) {
	return scalar(r, into, func(text string) (*T, *complaint) {
		parsed, wrong := parse(text)
		return &parsed, wrong
	})
}

func complain[T any](code diagnostic.Code, help, format string, args ...any) (T, *complaint) {
	var none T
	return none, &complaint{code: code, message: fmt.Sprintf(format, args...), help: help}
}

// wholeNumber accepts decimal digits only: no sign but a minus to complain
// about, no 0x10, no 1_000, no 1e3.
func wholeNumber(least, most int) func(string) (int, *complaint) {
	return func(text string) (int, *complaint) {
		help := fmt.Sprintf("write a whole number from %d to %d", least, most)
		n, err := strconv.Atoi(text)
		switch {
		case err != nil || strings.HasPrefix(text, "+") || len(text) > 1 && text[0] == '0':
			return complain[int](badNumber, help, "%s is not a whole number", diagnostic.Tick(text))
		case n < least:
			return complain[int](badNumber, help, "%d is less than %d", n, least)
		case n > most:
			return complain[int](badNumber, help, "%d is more than %d", n, most)
		}
		return n, nil
	}
}

func share(text string) (holdfast.Share, *complaint) {
	digits, percent := strings.CutSuffix(text, "%")
	digits = strings.TrimSpace(digits)
	plain := digits != "" && strings.Trim(digits, "0123456789.") == ""
	// e-2 instead of a division: 99.9% is then the number nearest to 0.999.
	part, err := strconv.ParseFloat(digits+"e-2", 64)
	switch {
	case plain && err == nil && !percent:
		return complain[holdfast.Share](badShare, withPercent(digits), "%s has no percent sign", diagnostic.Tick(text))
	case !plain || err != nil:
		return complain[holdfast.Share](badShare, "write it like `99.9%`", "%s is not a share", diagnostic.Tick(text))
	case part > 1:
		return complain[holdfast.Share](badShare, "write a share from 0% to 100%", "%s is more than the whole", diagnostic.Tick(text))
	}
	return holdfast.Share(part), nil
}

// withPercent is how a share is to be written. Below 1 it is a fraction of the
// whole to nearly everyone; e2 instead of a product, so that 0.999 is 99.9.
func withPercent(digits string) string {
	hundredfold, err := strconv.ParseFloat(digits+"e2", 64)
	if err != nil || hundredfold == 0 || hundredfold >= 100 {
		return "write " + diagnostic.Tick(digits+"%")
	}
	return "write " + diagnostic.Tick(strconv.FormatFloat(hundredfold, 'f', -1, 64)+"%") + ", or " + diagnostic.Tick(digits+"%") + " if so little is meant"
}

// duration accepts Go's and Compose's durations above zero; span those from
// zero.
func duration(text string) (time.Duration, *complaint) {
	d, wrong := span(text)
	if wrong == nil && d == 0 {
		return complain[time.Duration](badDuration, "write one above zero, like `300ms` or `10s`", "%s is no time at all", diagnostic.Tick(text))
	}
	return d, wrong
}

func span(text string) (time.Duration, *complaint) {
	d, err := time.ParseDuration(text)
	bare, notBare := strconv.ParseFloat(text, 64)
	switch {
	case notBare == nil && bare > 0:
		return complain[time.Duration](badDuration, "write "+diagnostic.Tick(text+"s")+" if seconds are meant; units are `ms`, `s`, `m` and `h`", "%s has no unit", diagnostic.Tick(text))
	case err != nil:
		return complain[time.Duration](badDuration, "write it like `300ms`, `10s` or `1m30s`", "%s is not a duration", diagnostic.Tick(text))
	case d < 0:
		return complain[time.Duration](badDuration, "write one above zero, like `300ms` or `10s`", "%s is less than no time", diagnostic.Tick(text))
	case d > maxWait:
		return complain[time.Duration](badDuration, "write at most `24h`", "%s is longer than a day", diagnostic.Tick(text))
	}
	return d, nil
}

// rate reads "5 per 10m".
func rate(text string) (holdfast.Rate, *complaint) {
	count, per, ok := strings.Cut(text, " per ")
	if !ok {
		return complain[holdfast.Rate](badRate, "write it like `5 per 10m`", "%s is not a rate", diagnostic.Tick(text))
	}
	n, wrong := wholeNumber(1, maxReplicas)(strings.TrimSpace(count))
	if wrong != nil {
		return complain[holdfast.Rate](badRate, wrong.help+" before `per`", "%s", wrong.message)
	}
	d, wrong := duration(strings.TrimSpace(per))
	if wrong != nil {
		return complain[holdfast.Rate](badRate, wrong.help, "%s", wrong.message)
	}
	return holdfast.Rate{Count: n, Per: d}, nil
}

// name accepts what can be a variable, a file name and part of a host name.
func name[T ~string](text string) (T, *complaint) {
	help := fmt.Sprintf("use up to %d of a-z, 0-9 and `-`, beginning with a letter", maxName)
	if len(text) > maxName {
		return complain[T](badName, help, "%s is longer than %d characters", diagnostic.Tick(text), maxName)
	}
	if text == "" || text[0] < 'a' || text[0] > 'z' || strings.Trim(text, nameCharacters) != "" {
		if near := slug(text); near != "" {
			help = "write " + diagnostic.Tick(near) + ": " + help
		}
		return complain[T](badName, help, "%s is not a name%s", diagnostic.Tick(text), stranger(text))
	}
	return T(text), nil
}

// stranger names the first character of a name that a person may not see, or may
// take for another one.
func stranger(text string) string {
	for _, c := range text {
		if c > unicode.MaxASCII || !unicode.IsPrint(c) {
			return fmt.Sprintf(": it has the character U+%04X", c)
		}
	}
	return ""
}

const nameCharacters = "abcdefghijklmnopqrstuvwxyz0123456789-"

// slug is the name that is nearest to a text that is none, or "". A text whose
// letters are not ours has none near it.
func slug(text string) string {
	if strings.ContainsFunc(text, func(c rune) bool { return c > unicode.MaxASCII && unicode.IsLetter(c) }) {
		return ""
	}
	changed := strings.Map(func(c rune) rune {
		switch {
		case strings.ContainsRune(nameCharacters, c):
			return c
		case c == '_' || c == '.' || c == ' ' || c == '/':
			return '-'
		default:
			return -1
		}
	}, strings.ToLower(text))
	changed = strings.Trim(changed, "-")
	if changed == "" || changed[0] < 'a' || len(changed) > maxName {
		return ""
	}
	return changed
}

// label accepts what is only shown or looked up: owners, policies, runbooks.
func label[T ~string](text string) (T, *complaint) {
	if !onOneLine(text) || len(text) > maxLabel {
		return complain[T](badName, fmt.Sprintf("write one line of at most %d characters", maxLabel), "%s cannot be shown in a line", diagnostic.Tick(text))
	}
	return T(text), nil
}

func onOneLine(text string) bool {
	return !strings.ContainsFunc(text, func(c rune) bool { return diagnostic.Visible(c) != c })
}

func truth(text string) (bool, *complaint) {
	if text != "true" && text != "false" {
		return complain[bool](badWord, "write `true` or `false`", "%s is neither true nor false", diagnostic.Tick(text))
	}
	return text == "true", nil
}

// oneOf accepts the words that exist; of says what they are.
func oneOf[T ~string](code diagnostic.Code, of string, exist ...T) func(string) (T, *complaint) {
	return func(text string) (T, *complaint) {
		if slices.Contains(exist, T(text)) {
			return T(text), nil
		}
		return complain[T](code, diagnostic.DidYouMean("", diagnostic.Nearest(text, exist), thereAre(exist)), "%s is not %s", diagnostic.Tick(text), of)
	}
}

func thereAre[T ~string](exist []T) string {
	if len(exist) == 1 {
		return "there is " + diagnostic.Tick(string(exist[0]))
	}
	return "there are " + diagnostic.Ticks(exist)
}

// signals are those a service can be asked to stop with.
func signals() []string {
	return []string{"SIGTERM", "SIGINT", "SIGQUIT", "SIGHUP", "SIGUSR1", "SIGUSR2", "SIGWINCH", "SIGKILL"}
}

func signal(text string) (string, *complaint) {
	if full := "SIG" + strings.TrimPrefix(strings.ToUpper(text), "SIG"); text != full && slices.Contains(signals(), full) {
		return complain[string](badSignal, "write "+diagnostic.Tick(full), "%s is not the name of a signal", diagnostic.Tick(text))
	}
	return oneOf(badSignal, "a signal that ends processes", signals()...)(text)
}

func healthPath(text string) (string, *complaint) {
	if !strings.HasPrefix(text, "/") {
		return complain[string](badPath, "write "+diagnostic.Tick("/"+strings.TrimPrefix(text, "./")), "%s does not begin with `/`", diagnostic.Tick(text))
	}
	if strings.ContainsFunc(text, func(c rune) bool { return c <= ' ' || c == 0x7f || c == '#' }) {
		return complain[string](badPath, "write blanks and `#` as `%20` and `%23`", "%s cannot be asked for", diagnostic.Tick(text))
	}
	return text, nil
}

// port reads where a service is published: "8080", ":8080", "10.0.0.5:8080".
func port(text string) (holdfast.Port, *complaint) {
	const help = "write `8080` for this machine only, `:8080` for every interface, `10.0.0.5:8080` for one address"
	host, number := "127.0.0.1", text
	if colon := strings.LastIndexByte(text, ':'); colon >= 0 {
		host, number = text[:colon], text[colon+1:]
	}
	if inner, bracketed := strings.CutPrefix(host, "["); bracketed || strings.Contains(host, ":") {
		if host, bracketed = strings.CutSuffix(inner, "]"); !bracketed || !strings.Contains(host, ":") {
			return complain[holdfast.Port](badPort, "write an IPv6 address as in `[::1]:8080`", "%s is not an address of this machine", diagnostic.Tick(text))
		}
	}
	n, err := strconv.ParseUint(number, 10, 16)
	if err != nil || n == 0 || number[0] == '0' {
		return complain[holdfast.Port](badPort, help, "%s has no port from 1 to 65535", diagnostic.Tick(text))
	}
	if strings.Trim(host, "0123456789") == "" && host != "" {
		return complain[holdfast.Port](badPort, "write "+diagnostic.Tick(host)+" alone: holdfast gives every replica a port of its own in `$PORT`", "%s names two ports", diagnostic.Tick(text))
	}
	if host == "localhost" {
		host = "127.0.0.1"
	}
	if address, err := netip.ParseAddr(host); host != "" && (err != nil || address.Zone() != "") {
		return complain[holdfast.Port](badPort, help, "%s is not an address of this machine", diagnostic.Tick(host))
	}
	return holdfast.Port{Host: host, Port: uint16(n)}, nil
}

func address(text string) (string, *complaint) {
	const help = "write it like `https://db.example:8443/health`"
	u, err := url.Parse(text)
	switch {
	case err != nil:
		return complain[string](badURL, help, "%s is not a URL", diagnostic.Tick(text))
	case u.Scheme != "http" && u.Scheme != "https" && u.Scheme != "tcp":
		return complain[string](badURL, help+", or `tcp://db.example:6379` for what is only connected to", "%s does not begin with `http://`, `https://` or `tcp://`", diagnostic.Tick(text))
	case u.Hostname() == "":
		return complain[string](badURL, help, "%s names no host", diagnostic.Tick(text))
	case u.User != nil:
		return complain[string](badURL, "remove what stands before the `@`: whatever is in a URL is written to the journal", "%s carries a user name or a password", diagnostic.Tick("…@"+u.Host))
	case u.Scheme == "tcp" && (u.Port() == "" || u.Path != "" || u.RawQuery != ""):
		return complain[string](badURL, "write it like `tcp://db.example:6379`", "%s is not an address to connect to", diagnostic.Tick(text))
	case !validPort(u.Port()):
		return complain[string](badURL, "write a port from 1 to 65535", "%s has no such port", diagnostic.Tick(text))
	}
	return text, nil
}

func validPort(text string) bool {
	if text == "" {
		return true
	}
	n, err := strconv.ParseUint(text, 10, 16)
	return err == nil && n > 0
}

// maxSpoken bounds what a service is told by its health check, and must say.
const maxSpoken = 200

// spoken reads the words of a bare service as they are: nothing is filled in, and
// blanks and line ends belong to them. A line end may be YAML's own, in double
// quotes, or written out as \r\n.
func (r *reader) spoken(into *string) func(source.Value) {
	return func(v source.Value) {
		text, ok := r.Scalar(v)
		if !ok {
			return
		}
		words := strings.NewReplacer(`\r`, "\r", `\n`, "\n", `\t`, "\t", `\\`, `\`).Replace(text)
		if words == "" || len(words) > maxSpoken {
			r.Report(v.At, diagnostic.Problem{Code: badWord, Message: fmt.Sprintf("%s: want 1 to %d bytes", v.Name, maxSpoken), Help: "write what it is told, or must say, as in `send: \"PING\\r\\n\"`"})
			return
		}
		*into = words
	}
}
