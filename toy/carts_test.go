package toy

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
)

func (s *service) put(t *testing.T, cart, item string) int {
	t.Helper()
	response, err := http.Post(s.url+"/carts/"+cart, "application/json", strings.NewReader(fmt.Sprintf(`{"item": %q}`, item)))
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	return response.StatusCode
}

func (s *service) text(t *testing.T, path string) string {
	t.Helper()
	response, err := http.Get(s.url + path)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// What one replica was given the other has, and has it once, also after both were
// killed in the middle of a line.
func TestCartsInAFileAreShared(t *testing.T) {
	file := filepath.Join(t.TempDir(), "carts")
	one, two := start(t, nil, "cart", "--store", file).listening("cart"), start(t, nil, "cart", "--store", file).listening("cart")
	var putting sync.WaitGroup
	for _, s := range []*service{one, two} {
		for i := range 20 {
			putting.Go(func() { s.put(t, fmt.Sprintf("c%d", i), "lantern") })
		}
	}
	putting.Wait()
	for _, s := range []*service{one, two} {
		if got := s.text(t, "/carts/c7"); !strings.Contains(got, `"items":["lantern"]`) {
			t.Errorf("a cart is %s", got)
		}
		s.cmd.Process.Signal(syscall.SIGKILL)
	}
	torn, err := os.OpenFile(file, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	torn.WriteString(`{"cart":"c7","it`)
	torn.Close()
	three := start(t, nil, "cart", "--store", file).listening("cart")
	if status := three.put(t, "c7", "compass"); status != http.StatusCreated {
		t.Errorf("after a torn line it answers %d", status)
	}
	if got := three.text(t, "/carts/c7"); !strings.Contains(got, `"items":["lantern","compass"]`) {
		t.Errorf("after a torn line the cart is %s", got)
	}
	if got := strings.Count(three.text(t, "/carts"), `"cart":`); got != 21 {
		t.Errorf("there are %d entries, want 21", got)
	}
}

func TestCartsInMemoryAreNot(t *testing.T) {
	one, two := start(t, nil, "cart", "--store", "memory").listening("cart"), start(t, nil, "cart", "--store", "memory").listening("cart")
	one.put(t, "c", "lantern")
	if got := one.text(t, "/carts/c"); !strings.Contains(got, `"items":["lantern"]`) {
		t.Errorf("the cart is %s", got)
	}
	if got := two.text(t, "/carts/c"); !strings.Contains(got, `"items":[]`) {
		t.Errorf("the other's cart is %s", got)
	}
}

func TestBadCarts(t *testing.T) {
	file := filepath.Join(t.TempDir(), "carts")
	twice := start(t, nil, "cart", "--store", file, "--store-twice").listening("cart")
	twice.put(t, "c", "lantern")
	twice.put(t, "c", "lantern")
	if got := twice.text(t, "/carts/c"); !strings.Contains(got, `["lantern","lantern"]`) {
		t.Errorf("the cart is %s", got)
	}
	late := start(t, nil, "cart", "--store", file, "--store-late", "1h").listening("cart")
	if status := late.put(t, "d", "lantern"); status != http.StatusCreated {
		t.Errorf("it answers %d", status)
	}
	if got := late.text(t, "/carts/d"); !strings.Contains(got, `"items":[]`) {
		t.Errorf("the cart is %s", got)
	}
	if status := late.put(t, "d", ""); status != http.StatusBadRequest {
		t.Errorf("nothing is put in with %d", status)
	}
}
