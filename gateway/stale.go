package gateway

import (
	"container/list"
	"net/http"
	"strings"
	"sync"
	"time"

	"holdfast"
)

// Bounds of the copies that are kept for a fallback.
const (
	maxCopy    = 64 << 10 // of one answer's body; a longer one has none
	maxCopies  = 32 << 20 // of all, heads included
	copyWeighs = 1 << 10  // what a copy takes beside what it holds, roughly
	fieldWeigh = 100      // what a field takes beside its text: slices, and a place in a map
	maxVary    = 16       // fields that an answer may depend on; one that names more has no copy
)

// A copyKey is what an answer is a copy of the answer to.
type copyKey struct {
	listener holdfast.ListenerName
	service  holdfast.ServiceName // that a route leads to may become another
	host     string
	target   string
}

// A copied answer is the last good answer to a request, or one that becomes it.
type copied struct {
	key    copyKey
	at     time.Duration // CLOCK_BOOTTIME
	header http.Header
	head   int     // what the head takes, which the values in header are parts of
	vary   []field // of the request, that the answer depended on
	body   []byte
	long   bool // the body is too long to keep
}

// add takes a piece of the body. A nil copy takes none: the answer is not kept.
func (k *copied) add(piece []byte) {
	if k == nil || k.long {
		return
	}
	if len(k.body)+len(piece) > maxCopy {
		k.body, k.long = nil, true
		return
	}
	k.body = append(k.body, piece...)
}

// weight is what a copy takes, all of it: a head is as long as its replica
// pleases, a target and a field as long as a client does.
func (k *copied) weight() int {
	bytes := copyWeighs + cap(k.body) + k.head + len(k.key.host) + len(k.key.target)
	for _, f := range k.vary {
		bytes += f.weight()
	}
	return bytes
}

func (f field) weight() int { return fieldWeigh + len(f.name) + len(f.value) }

// copies are those of all routes. The one that was longest not used goes first.
type copies struct {
	mu     sync.Mutex
	byKey  map[copyKey]*list.Element
	used   list.List // of *copied, the last used in front
	weight int
}

// keep takes a copy whose body is complete.
func (c *copies) keep(k *copied) {
	if k == nil || k.long {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.byKey == nil {
		c.byKey = map[copyKey]*list.Element{}
	}
	if old := c.byKey[k.key]; old != nil {
		c.drop(old)
	}
	c.byKey[k.key] = c.used.PushFront(k)
	c.weight += k.weight()
	for c.weight > maxCopies {
		c.drop(c.used.Back())
	}
}

func (c *copies) drop(e *list.Element) {
	k := c.used.Remove(e).(*copied)
	delete(c.byKey, k.key)
	c.weight -= k.weight()
}

// find is a copy, or nil.
func (c *copies) find(key copyKey) *copied {
	c.mu.Lock()
	defer c.mu.Unlock()
	e := c.byKey[key]
	if e == nil {
		return nil
	}
	c.used.MoveToFront(e)
	return e.Value.(*copied)
}

// staleCopy is a copy that the fallback allows to be answered, or nil.
func (x *exchange) staleCopy(f *holdfast.Fallback) *copied {
	if f.Stale <= 0 || !x.everybodys() || x.r.Method != http.MethodGet && x.r.Method != http.MethodHead {
		return nil
	}
	k := x.gateway.copies.find(x.copyKey())
	if k == nil || now()-k.at > f.Stale {
		return nil
	}
	for _, f := range k.vary {
		if strings.Join(x.r.Header[f.name], ",") != f.value {
			return nil
		}
	}
	return k
}

func (x *exchange) copyKey() copyKey {
	return copyKey{listener: x.entry.Listener, service: x.entry.Service, host: x.r.Host, target: x.r.RequestURI}
}

// beginCopy is a copy to be, if the answer is one that may be answered to others,
// or later. An answer is somebody's own when the request said who asks, and not a
// good one when it stands in for another itself.
func (x *exchange) beginCopy(a *try) *copied {
	f := x.entry.Fallback
	if f == nil || f.Stale <= 0 || x.r.Method != http.MethodGet || a.head.status != http.StatusOK || !x.everybodys() {
		return nil
	}
	k := &copied{key: x.copyKey(), at: now(), header: http.Header{}}
	for _, f := range a.head.fields {
		k.head += f.weight()
		switch f.name {
		case "Set-Cookie", degraded:
			return nil
		case "Cache-Control":
			if mentions(f.value, "no-store") || mentions(f.value, "private") {
				return nil
			}
		case "Vary":
			for name := range strings.SplitSeq(f.value, ",") {
				name = http.CanonicalHeaderKey(strings.TrimSpace(name))
				if name == "*" || len(k.vary) == maxVary {
					return nil
				}
				k.vary = append(k.vary, field{name: name, value: strings.Join(x.r.Header[name], ",")})
			}
		}
	}
	copyFields(k.header, &a.head)
	return k
}

// everybodys says whether the answer to the request may be the same for another
// sender of it. What is asked in a body is not in the key of a copy.
func (x *exchange) everybodys() bool {
	for _, name := range []string{"Authorization", "Cookie", "Range"} {
		if len(x.r.Header[name]) > 0 {
			return false
		}
	}
	return x.message.length == 0 && !mentions(strings.Join(x.r.Header["Cache-Control"], ","), "no-store")
}

// mentions says whether a Cache-Control field names a directive, with or without
// an argument.
func mentions(list, directive string) bool {
	for part := range strings.SplitSeq(list, ",") {
		name, _, _ := strings.Cut(strings.TrimSpace(part), "=")
		if strings.EqualFold(strings.TrimSpace(name), directive) {
			return true
		}
	}
	return false
}
