package toy

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"
	"sync"
	"syscall"
	"time"
)

const (
	inMemory   = "memory"
	maxEntry   = 4 << 10 // bytes of what is put into a cart
	maxCartLen = 100     // bytes of a cart's name
)

// An entry is one thing in somebody's cart.
type entry struct {
	Cart string `json:"cart"`
	Item string `json:"item"`
}

// carts are what people have put into theirs. With a file they are in it, and
// whoever opens the same file has the same carts, at once and after a crash:
// what is acknowledged is on disk. Without one they are this process's own.
//
// The file has a line for each entry. A line without an end is one whose writer
// was killed: nobody was told that it is there, and the next writer cuts it off.
type carts struct {
	late   time.Duration // store what was acknowledged only so much later
	linger time.Duration // between storing and acknowledging
	twice  bool          // put the same thing in again, as often as told

	mu   sync.Mutex
	file *os.File // nil: in memory
	read int64    // of the file, whole lines
	all  []entry
	has  map[entry]bool
	in   map[string][]int // of each cart, which of all
}

func openCarts(h habits) (*carts, error) {
	c := &carts{late: h.storeLate, linger: h.answerLate, twice: h.storeTwice, has: map[entry]bool{}, in: map[string][]int{}}
	if h.store == inMemory {
		return c, nil
	}
	var err error
	if c.file, err = os.OpenFile(h.store, os.O_RDWR|os.O_CREATE, 0o600); err != nil {
		return nil, fmt.Errorf("open the carts: %w", err)
	}
	return c, nil
}

// routes adds the carts' pages: POST /carts/NAME puts something in, GET /carts/NAME
// shows one cart, empty where nobody ever put anything in, GET /carts all entries.
func (c *carts) routes(on *http.ServeMux, replica string) {
	on.HandleFunc("POST /carts/{name}", func(w http.ResponseWriter, r *http.Request) { c.serveAdd(w, r, replica) })
	on.HandleFunc("GET /carts/{name}", func(w http.ResponseWriter, r *http.Request) { c.serveCart(w, r.PathValue("name"), replica) })
	on.HandleFunc("GET /carts", func(w http.ResponseWriter, r *http.Request) { c.serveAll(w) })
}

// A cartPage is what somebody has in the cart.
type cartPage struct {
	Replica string   `json:"replica"`
	Cart    string   `json:"cart"`
	Items   []string `json:"items"`
}

func (c *carts) serveAdd(w http.ResponseWriter, r *http.Request, replica string) {
	e := entry{Cart: r.PathValue("name")}
	body := http.MaxBytesReader(w, r.Body, maxEntry)
	if err := json.NewDecoder(body).Decode(&e); err != nil || e.Item == "" || len(e.Cart) > maxCartLen || e.Cart != r.PathValue("name") {
		http.Error(w, `want {"item": "…"}`, http.StatusBadRequest)
		return
	}
	if c.late > 0 {
		time.AfterFunc(c.late, func() { _ = c.add(e) }) // who asked was told long ago that it is there
	} else if err := c.add(e); err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	if c.linger > 0 {
		time.Sleep(c.linger)
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusCreated)
	json.NewEncoder(w).Encode(cartPage{Replica: replica, Cart: e.Cart, Items: []string{e.Item}})
}

func (c *carts) serveCart(w http.ResponseWriter, name, replica string) {
	items, err := c.of(name)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	json.NewEncoder(w).Encode(cartPage{Replica: replica, Cart: name, Items: items})
}

func (c *carts) serveAll(w http.ResponseWriter) {
	c.mu.Lock()
	err := c.refresh(syscall.LOCK_SH)
	all := slices.Clone(c.all)
	c.mu.Unlock()
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	json.NewEncoder(w).Encode(map[string][]entry{"entries": append([]entry{}, all...)})
}

// of are the things in one cart.
func (c *carts) of(name string) ([]string, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := c.refresh(syscall.LOCK_SH); err != nil {
		return nil, err
	}
	items := []string{}
	for _, i := range c.in[name] {
		items = append(items, c.all[i].Item)
	}
	return items, nil
}

// add puts an entry in. What is there already stays as it is, so that it may be
// asked for again by somebody who was not answered.
func (c *carts) add(e entry) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.file == nil {
		c.take(e)
		return nil
	}
	if err := c.lock(syscall.LOCK_EX); err != nil {
		return err
	}
	defer c.unlock()
	if err := c.readOn(); err != nil {
		return err
	}
	if c.has[e] && !c.twice {
		return nil
	}
	line, err := json.Marshal(e)
	if err != nil {
		return err
	}
	return errors.Join(c.append(append(line, '\n')), c.readOn())
}

// append writes behind the last whole line, and is done when the disk has it.
func (c *carts) append(line []byte) error {
	if err := c.file.Truncate(c.read); err != nil {
		return err
	}
	if _, err := c.file.WriteAt(line, c.read); err != nil {
		return err
	}
	return c.file.Sync()
}

// refresh takes over what others have written.
func (c *carts) refresh(how int) error {
	if c.file == nil {
		return nil
	}
	if err := c.lock(how); err != nil {
		return err
	}
	defer c.unlock()
	return c.readOn()
}

// readOn reads the whole lines that were not read yet.
func (c *carts) readOn() error {
	text, err := io.ReadAll(io.NewSectionReader(c.file, c.read, 1<<40))
	if err != nil {
		return err
	}
	for {
		line, rest, whole := bytes.Cut(text, []byte("\n"))
		if !whole {
			return nil
		}
		var e entry
		if err := json.Unmarshal(line, &e); err != nil {
			return fmt.Errorf("%s is not a file of carts: %w", c.file.Name(), err)
		}
		c.take(e)
		c.read, text = c.read+int64(len(line))+1, rest
	}
}

func (c *carts) take(e entry) {
	if c.has[e] && !c.twice {
		return
	}
	c.has[e] = true
	c.in[e.Cart] = append(c.in[e.Cart], len(c.all))
	c.all = append(c.all, e)
}

func (c *carts) lock(how int) error {
	for {
		err := syscall.Flock(int(c.file.Fd()), how)
		if !errors.Is(err, syscall.EINTR) {
			return err
		}
	}
}

func (c *carts) unlock() { _ = syscall.Flock(int(c.file.Fd()), syscall.LOCK_UN) }
