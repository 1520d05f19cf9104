package load

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"mime"
	"net/url"
	"slices"
	"strings"
	"time"

	"holdfast"
)

// A Way is what a walk needs besides its session.
type Way struct {
	ID      string // {{id}}: of each walk its own
	Timeout time.Duration
	// Look finds a variable of the environment, as os.LookupEnv does. It may be nil
	// where the session looks up none.
	Look func(name string) (value string, found bool)
	// At says where the step that comes next is asked, as host:port, counted from 1.
	// It may take its time: whatever has to happen between two steps happens in it.
	At func(step int) (address string, err error)
}

// An Answer is what one step of a walk was answered. The walk's {{id}} stands in
// the place of its id, so that it looks like another walk's.
type Answer struct {
	Step     int
	Name     string // of the step
	Status   int    // 0 where no answer came
	Type     string // of the body: "application/json"
	Location string
	Body     string // the first MiB of it
	Failed   string // how the step was not answered well, if it was not; it is then the last

	known map[string]string // what had been captured by the end of the step, without the id
}

// Walk runs a session once, in the calling process, each step where the way says
// and on a connection of its own. The host of a step's URL is what it is asked by,
// wherever it is asked. Walk ends with the first step that is not answered well.
// Its error is that of the way, or of ctx: then nothing is known.
func Walk(ctx context.Context, session Session, way Way) ([]Answer, error) {
	if err := session.Check(); err != nil {
		return nil, fmt.Errorf("walk: %w", err)
	}
	course, err := newCourse(session, leadTo, way.Look)
	if err != nil {
		return nil, fmt.Errorf("walk: %w", err)
	}
	run := course.begin(way.ID)
	var answers []Answer
	for !run.over() {
		address, err := way.At(run.next + 1)
		if err != nil {
			return answers, fmt.Errorf("walk: step %d: %w", run.next+1, err)
		}
		answer := run.walk(ctx, address, time.Now().Add(way.Timeout))
		if ctx.Err() != nil {
			return answers, fmt.Errorf("walk: %w", ctx.Err())
		}
		if answers = append(answers, answer); answer.Failed != "" {
			break
		}
	}
	return answers, nil
}

// walk takes the next step at an address.
func (r *run) walk(ctx context.Context, address string, deadline time.Time) Answer {
	to := &route{address: address, tls: r.routes[r.next].tls}
	answer := Answer{Step: r.next + 1, Name: r.Steps[r.next].Name}
	r.wholly = true
	got, err := r.ask(ctx, to, manner{fresh: true}, deadline)
	if err != nil {
		answer.Failed = r.hide(err.Error())
	}
	id := r.known[holdfast.BlankID]
	same := func(text string) string {
		return strings.ReplaceAll(r.hide(text), id, "{{"+holdfast.BlankID+"}}")
	}
	answer.Status, answer.Body = got.status, same(string(got.text[:min(len(got.text), maxText)]))
	if got.header != nil {
		answer.Type, _, _ = mime.ParseMediaType(got.header.Get("Content-Type"))
		answer.Location = same(got.header.Get("Location"))
	}
	answer.known = maps.Clone(r.known)
	delete(answer.known, holdfast.BlankID)
	return answer
}

// Alike names what two users captured alike, at a step from some index on. It is what
// the service answers to anybody, and no identifier of the one or the other.
func Alike(one, two []Answer, from int) []string {
	var names []string
	for i := from; i < min(len(one), len(two)); i++ {
		for name, text := range one[i].known {
			if i > 0 && one[i-1].known[name] == text {
				continue // of an earlier step
			}
			if two[i].known[name] == text {
				names = append(names, name)
			}
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// Owning is an answer whose captures of some names are not its own: they count as
// the text that they are.
func (a Answer) Owning(but []string) Answer {
	a.known = maps.Clone(a.known)
	for _, name := range but {
		delete(a.known, name)
	}
	return a
}

// Differs says in words where two answers to the same step differ, empty where
// they are the same to a user. Volatile names fields of JSON bodies that do not
// count, wherever they stand. What a walk has captured is its own, an identifier
// that the service gave out: it is the same as what the other captured under that
// name.
func Differs(a, b Answer, volatile []string) string {
	switch {
	case a.Failed != b.Failed:
		return fmt.Sprintf("%s, not %s", well(a.Failed), well(b.Failed))
	case a.Status != b.Status:
		return fmt.Sprintf("status %d, not %d", a.Status, b.Status)
	case a.Type != b.Type:
		return fmt.Sprintf("a body of type %s, not %s", quoted(a.Type), quoted(b.Type))
	case a.unnamed(a.Location) != b.unnamed(b.Location):
		return fmt.Sprintf("location %s, not %s", quoted(a.Location), quoted(b.Location))
	}
	one, oneErr := valueOf(a.Body)
	two, twoErr := valueOf(b.Body)
	if oneErr == nil && twoErr == nil {
		return (&comparing{a: a, b: b, volatile: volatile}).values(one, two, "")
	}
	if one, two := a.unnamed(a.Body), b.unnamed(b.Body); one != two {
		return "body: " + apart(one, two)
	}
	return ""
}

func well(failed string) string {
	if failed == "" {
		return "answered well"
	}
	return failed
}

// valueOf reads a body as JSON. Numbers stay as they are written: an id beyond
// what a float64 holds is not another's.
func valueOf(body string) (value any, err error) {
	decoder := json.NewDecoder(strings.NewReader(body))
	decoder.UseNumber()
	if err := decoder.Decode(&value); err != nil {
		return nil, err
	}
	if decoder.More() {
		return nil, fmt.Errorf("more than one value")
	}
	return value, nil
}

// minNamed is how long a captured text must be to be found inside another one.
// The shorter ones count only where they are all of it: "1" is in everything.
const minNamed = 6

// unnamed puts blanks in the place of what was captured: first of what is longest,
// which may hold the others.
func (a Answer) unnamed(text string) string {
	names := slices.SortedFunc(maps.Keys(a.known), func(one, two string) int {
		if d := len(a.known[two]) - len(a.known[one]); d != 0 {
			return d
		}
		return strings.Compare(one, two)
	})
	for _, name := range names {
		switch captured := a.known[name]; {
		case text == captured:
			return "{{" + name + "}}"
		case len(captured) >= minNamed:
			text = strings.ReplaceAll(text, captured, "{{"+name+"}}")
			text = strings.ReplaceAll(text, url.PathEscape(captured), "{{"+name+"}}")
		}
	}
	return text
}

// A comparing is one of two JSON bodies.
type comparing struct {
	a, b     Answer
	volatile []string
}

// values compares two values that stand at a place.
func (c *comparing) values(a, b any, place string) string {
	switch one := a.(type) {
	case map[string]any:
		if two, ok := b.(map[string]any); ok {
			return c.objects(one, two, place)
		}
	case []any:
		if two, ok := b.([]any); ok {
			return c.arrays(one, two, place)
		}
	default:
		if c.a.unnamed(plain(a)) == c.b.unnamed(plain(b)) && kind(a) == kind(b) {
			return ""
		}
	}
	return fmt.Sprintf("%s is %s, not %s", at(place), shown(a), shown(b))
}

func (c *comparing) objects(a, b map[string]any, place string) string {
	one, two := byName(c.a, a), byName(c.b, b)
	keys := slices.AppendSeq(slices.Collect(maps.Keys(one)), maps.Keys(two))
	slices.Sort(keys)
	for _, key := range slices.Compact(keys) {
		if slices.Contains(c.volatile, key) {
			continue
		}
		below := strings.TrimPrefix(place+"."+key, ".")
		left, inA := one[key]
		right, inB := two[key]
		switch {
		case !inB:
			return fmt.Sprintf("%s is %s, and is not there in the other", at(below), shown(left))
		case !inA:
			return fmt.Sprintf("%s is not there, and is %s in the other", at(below), shown(right))
		}
		if differs := c.values(left, right, below); differs != "" {
			return differs
		}
	}
	return ""
}

// byName is an object whose keys are blanks where they were captured, unless two
// became the same.
func byName(of Answer, object map[string]any) map[string]any {
	named := make(map[string]any, len(object))
	for _, key := range slices.Sorted(maps.Keys(object)) {
		name := of.unnamed(key)
		if _, taken := named[name]; taken {
			name = key
		}
		named[name] = object[key]
	}
	return named
}

func (c *comparing) arrays(a, b []any, place string) string {
	if len(a) != len(b) {
		one, two := shown(a), shown(b)
		if len(one)+len(two) <= maxShown {
			return fmt.Sprintf("%s is %s, not %s", at(place), one, two)
		}
		return fmt.Sprintf("%s has %d items, not %d", at(place), len(a), len(b))
	}
	for i := range a {
		if differs := c.values(a[i], b[i], strings.TrimPrefix(fmt.Sprintf("%s.%d", place, i), ".")); differs != "" {
			return differs
		}
	}
	return ""
}

// at names a place in a body.
func at(place string) string {
	if place == "" {
		return "the body"
	}
	return quoted(place) + " in the body"
}

// kind tells texts, numbers and the rest apart: "1" is not 1.
func kind(value any) string { return fmt.Sprintf("%T", value) }

// plain is a value that holds no others, without quotes.
func plain(value any) string { return fmt.Sprint(value) }

// shown is a value as a person reads it, or its beginning.
func shown(value any) string {
	text, err := json.Marshal(value)
	if err != nil {
		return plain(value)
	}
	return short(string(text))
}

func quoted(text string) string { return fmt.Sprintf("%q", text[:min(len(text), maxShown)]) }

// maxShown is how much of what differs is shown, in bytes.
const maxShown = 80

func short(text string) string {
	if len(text) <= maxShown {
		return printable(text, maxShown)
	}
	return printable(text[:maxShown], maxShown) + "…"
}

// apart shows two texts from shortly before the place where they differ.
func apart(a, b string) string {
	same := 0
	for same < min(len(a), len(b)) && a[same] == b[same] {
		same++
	}
	from := max(0, same-20)
	return fmt.Sprintf("%q, not %q, from byte %d on", short(a[from:]), short(b[from:]), from)
}
