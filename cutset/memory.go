package cutset

// A memory remembers what operations on families came to, in a table of bounded
// size where a new answer takes the place of an old one. Forgetting costs time
// and never an answer.
type memory struct{ entries []entry }

// mostRemembered bounds the table at 80 MiB.
const mostRemembered = 1 << 22

type operation uint8

const (
	unasked operation = iota
	united
	absorbed
	multiplied
	shortened
)

type question struct {
	of    operation
	order uint8
	f, g  family
}

type entry struct {
	asked question
	cut   bool
	r     family
}

func (m *memory) of(q question) *entry {
	spread := mix(uint64(q.of)<<40|uint64(q.order)<<32|uint64(uint32(q.f)), uint64(uint32(q.g)))
	return &m.entries[int(spread)&(len(m.entries)-1)]
}

// grow keeps the table about as large as there are families.
func (m *memory) grow(families int) {
	if families <= len(m.entries) || len(m.entries) >= mostRemembered {
		return
	}
	before := m.entries
	m.entries = make([]entry, 2*len(before))
	for _, e := range before {
		if e.asked.of != unasked {
			*m.of(e.asked) = e
		}
	}
}

// recall counts a step, and is the answer if it is known or if there is no
// budget to look for it.
func (d *diagram) recall(q question) (r family, cut, ok bool) {
	if !d.budget.step() {
		return none, true, true
	}
	e := d.memory.of(q)
	return e.r, e.cut, e.asked == q
}

func (d *diagram) remember(q question, r family, cut bool) family {
	*d.memory.of(q) = entry{asked: q, r: r, cut: cut}
	return r
}

// A budget bounds the work.
type budget struct {
	nodes, steps int // how many may be made, how many are left
	enough       func() bool
	spent        bool
}

// askEvery is how many steps pass between two questions whether it is enough:
// a fraction of a millisecond.
const askEvery = 4096

func (b *budget) step() bool {
	if b.spent {
		return false
	}
	b.steps--
	b.spent = b.steps < 0 || b.steps%askEvery == 0 && b.enough != nil && b.enough()
	return !b.spent
}
