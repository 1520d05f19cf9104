package picture

// draw puts the layers on a canvas, from the left; nil where lines would be in
// each other's way.
func (l *layout) draw() *canvas {
	c := &canvas{}
	col := 0
	for _, layer := range l.layers {
		wide := 0
		for _, e := range layer {
			wide = max(wide, e.wide())
		}
		for _, e := range layer {
			e.draw(c, col, wide)
		}
		channel, possible := channelOf(layer)
		if !possible {
			return nil
		}
		channel.draw(c, col, col+wide)
		col += wide + channel.wide()
	}
	return c
}

// wide is how many columns an element takes, with one free on each side of its
// label where a line may come or go.
func (e *element) wide() int {
	columns := wide(e.label)
	if len(e.in) > 0 {
		columns++
	}
	if len(e.in) > 1 {
		columns++
	}
	if len(e.out) > 0 {
		columns++
	}
	return columns
}

// draw writes an element's label. Where several lines come in, it has a bracket
// for them behind their arrowheads.
func (e *element) draw(c *canvas, col, columns int) {
	switch n := len(e.in); {
	case e.passes:
		c.across(e.row, col, col+columns-1, e.in[0].need, e)
		return
	case n > 1:
		for i := range n {
			bracket := "┤"
			if i == 0 {
				bracket = "┬"
			} else if i == n-1 {
				bracket = "┘"
			}
			c.write(e.row+i, col, bracket, false)
		}
		c.write(e.row, col+2, e.label, e.alarm)
	case n == 1:
		c.write(e.row, col+1, e.label, e.alarm)
	default:
		c.write(e.row, col, e.label, e.alarm)
	}
}

// A channel is what is between two layers: lines that go out from the left one,
// each with its trunk in a column of its own where it does not go straight on.
type channel struct {
	sources []*element
	trunk   map[*element]int // in which of the columns, from the left; -1: it goes straight on
	columns int
}

// channelOf finds columns in which no line runs over another. Below a source
// that leads down past the next ones, those turn off first; one that leads up
// past those before it turns off last.
func channelOf(layer []*element) (channel, bool) {
	ch := channel{trunk: map[*element]int{}}
	for _, e := range layer {
		if len(e.out) == 0 {
			continue
		}
		ch.sources = append(ch.sources, e)
		ch.trunk[e] = 0
		if len(e.out) == 1 && e.out[0].port() == e.row {
			ch.trunk[e] = -1
		}
	}
	for range len(ch.sources) + 1 {
		moved := false
		for i, a := range ch.sources {
			for _, b := range ch.sources[i+1:] {
				if a.out[len(a.out)-1].port() >= b.row {
					moved = ch.after(b, a) || moved
				}
				if b.out[0].port() <= a.row {
					moved = ch.after(a, b) || moved
				}
			}
		}
		if !moved {
			for _, column := range ch.trunk {
				ch.columns = max(ch.columns, column+1)
			}
			return ch, true
		}
	}
	return channel{}, false
}

// after moves the second trunk to the right of the first, if it is not there.
func (ch channel) after(first, second *element) bool {
	if ch.trunk[first] < 0 || ch.trunk[second] < 0 || ch.trunk[second] > ch.trunk[first] {
		return false
	}
	ch.trunk[second] = ch.trunk[first] + 1
	return true
}

// wide is how many columns the channel takes: "─▶", or "─┬─▶" and two more for
// each further trunk.
func (ch channel) wide() int {
	if len(ch.sources) == 0 {
		return 0
	}
	return 2 + 2*ch.columns
}

func (ch channel) draw(c *canvas, left, right int) {
	end := right + ch.wide() - 1
	for _, e := range ch.sources {
		start := left + e.wide()
		if e.passes {
			start = right
		}
		shared := e.out[0].need
		for _, w := range e.out {
			if w.need != shared {
				shared = required
			}
		}
		turn := end
		if ch.trunk[e] >= 0 {
			turn = right + 1 + 2*ch.trunk[e]
		}
		c.across(e.row, start, turn-1, shared, e)
		for _, w := range e.out {
			ch.lead(c, w, turn, end)
		}
	}
}

// lead draws a wire from its source's trunk to where it arrives.
func (ch channel) lead(c *canvas, w *wire, turn, end int) {
	e, port := w.from, w.port()
	if ch.trunk[e] >= 0 {
		c.line(e.row, turn, left, w.need, e)
		if port != e.row {
			c.along(turn, e.row, port, w.need, e)
		}
		c.line(port, turn, right, w.need, e)
		c.across(port, turn+1, end-1, w.need, e)
	}
	if w.to.passes {
		c.across(port, end, end, w.need, e)
	} else {
		c.write(port, end, string(arrowhead(w.need)), false)
	}
}
