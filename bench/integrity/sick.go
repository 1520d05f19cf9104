package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"
)

// sickVerb as the first argument makes this program a service.
const sickVerb = "sick"

// A patient is a service that is unwell in the ways its flags name, and well
// without any. Like the demo's services it knows nothing of Holdfast.
type patient struct {
	began time.Time
	ask   string // names of the services it cannot answer without, joined by commas

	startDelay time.Duration
	cold       time.Duration
	once       bool
	again      int
	patience   time.Duration
	shrug      bool
	die        bool
	picky      bool
	store      string
	lag        time.Duration
	pause      time.Duration

	client http.Client
	items  items
}

// sick serves until it is told to end.
func sick(args []string) int {
	p := &patient{began: time.Now()}
	flags := flag.NewFlagSet(sickVerb, flag.ExitOnError)
	flags.StringVar(&p.ask, "ask", "", "the services asked for each page")
	flags.DurationVar(&p.startDelay, "start-delay", 0, "wait this long before listening")
	flags.DurationVar(&p.cold, "cold", 0, "fail pages for so long after every start but the first, and say at /healthz that all is well")
	flags.BoolVar(&p.once, "once", false, "fail at the second start, and at every one after it")
	flags.IntVar(&p.again, "again", 0, "ask so often again, at once, when a service asked does not answer well")
	flags.DurationVar(&p.patience, "patience", 2*time.Second, "wait so long for each answer")
	flags.BoolVar(&p.shrug, "shrug", false, "answer with an empty page when a service asked does not answer well")
	flags.BoolVar(&p.die, "die", false, "end when a service asked does not answer well")
	flags.BoolVar(&p.picky, "picky", false, "take no answer for one but the usual page")
	flags.StringVar(&p.store, "store", "", "keep items in this file, and not in memory")
	flags.DurationVar(&p.lag, "lag", 0, "write items to the file so long after they were acknowledged")
	flags.DurationVar(&p.pause, "pause", 0, "acknowledge an item so long after it was written")
	flags.Parse(args)
	if err := p.live(); err != nil {
		fmt.Fprintln(os.Stderr, "sick:", err)
		return 1
	}
	return 0
}

func (p *patient) live() error {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	defer stop()
	if err := p.begin(ctx); err != nil || ctx.Err() != nil {
		return err
	}
	listener, err := net.Listen("tcp", net.JoinHostPort(os.Getenv("HOST"), os.Getenv("PORT")))
	if err != nil {
		return err
	}
	p.items = items{path: p.store, lag: p.lag}
	server := &http.Server{Handler: p.pages()}
	context.AfterFunc(ctx, func() { server.Shutdown(context.Background()) })
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// begin does what comes before listening.
func (p *patient) begin(ctx context.Context) error {
	mark := filepath.Join(os.Getenv("DATA_DIR"), "started")
	_, first := os.Stat(mark)
	switch {
	case first != nil:
		p.cold = 0
	case p.once:
		return errors.New("cannot read what the last run left: unexpected end of file")
	}
	if err := os.WriteFile(mark, nil, 0o600); err != nil {
		return err
	}
	fmt.Println("reading the index")
	select {
	case <-ctx.Done():
	case <-time.After(p.startDelay):
	}
	return nil
}

func (p *patient) pages() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "well\n") })
	mux.HandleFunc("GET /", p.page)
	mux.HandleFunc("POST /items", func(w http.ResponseWriter, r *http.Request) {
		id, err := io.ReadAll(io.LimitReader(r.Body, 1<<10))
		if err == nil {
			err = p.items.add(strings.TrimSpace(string(id)))
		}
		time.Sleep(p.pause)
		answer(w, err)
	})
	mux.HandleFunc("GET /items", func(w http.ResponseWriter, _ *http.Request) {
		text, err := p.items.list()
		if err != nil {
			answer(w, err)
			return
		}
		io.WriteString(w, text)
	})
	return mux
}

func answer(w http.ResponseWriter, err error) {
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	io.WriteString(w, "done\n")
}

// usual is the page.
const usual = "here you are\n"

// page is what users ask for.
func (p *patient) page(w http.ResponseWriter, r *http.Request) {
	if time.Since(p.began) < p.startDelay+p.cold {
		http.Error(w, "the cache is cold", http.StatusInternalServerError)
		return
	}
	for _, name := range strings.FieldsFunc(p.ask, func(c rune) bool { return c == ',' }) {
		err := p.want(r.Context(), name)
		if err != nil && p.die {
			fmt.Println(err)
			os.Exit(1)
		}
		switch {
		case err != nil && p.shrug:
			io.WriteString(w, "nothing here\n")
			return
		case err != nil:
			http.Error(w, err.Error(), http.StatusBadGateway)
			return
		}
	}
	io.WriteString(w, usual)
}

// want asks one service, and again.
func (p *patient) want(ctx context.Context, name string) (err error) {
	ctx, cancel := context.WithTimeout(ctx, p.patience)
	defer cancel()
	for range 1 + p.again {
		if err = p.get(ctx, os.Getenv(strings.ToUpper(name)+"_URL")); err == nil {
			return nil
		}
	}
	return fmt.Errorf("%s: %w", name, err)
}

func (p *patient) get(ctx context.Context, url string) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	response, err := p.client.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(io.LimitReader(response.Body, 1<<20))
	switch {
	case err != nil:
		return err
	case response.StatusCode >= http.StatusInternalServerError:
		return fmt.Errorf("%s: %s", response.Status, strings.TrimSpace(string(text)))
	case p.picky && string(text) != usual:
		return fmt.Errorf("an answer that is of no use: %q", text)
	}
	return nil
}

// Items are what users have left here: in memory, or in a file that replicas
// share, one per line.
type items struct {
	path string
	lag  time.Duration
	mu   sync.Mutex
	held []string
}

func (i *items) add(id string) error {
	switch {
	case i.path == "":
		i.mu.Lock()
		defer i.mu.Unlock()
		i.held = append(i.held, id)
		return nil
	case i.lag > 0:
		time.AfterFunc(i.lag, func() { _ = i.write(id) })
		return nil
	default:
		return i.write(id)
	}
}

// write appends one line; lines this short are written whole.
func (i *items) write(id string) error {
	file, err := os.OpenFile(i.path, os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	defer file.Close()
	_, err = file.WriteString(id + "\n")
	return err
}

func (i *items) list() (string, error) {
	if i.path == "" {
		i.mu.Lock()
		defer i.mu.Unlock()
		return strings.Join(i.held, "\n"), nil
	}
	text, err := os.ReadFile(i.path)
	if errors.Is(err, os.ErrNotExist) {
		return "", nil
	}
	return string(text), err
}
