package toy

import (
	"errors"
	"net/http"
	"os"
	"path/filepath"
)

// stored writes a line to a file in dir for each answer of a handler but /healthz's,
// and fails what it cannot write.
func stored(handler http.Handler, dir string) (http.Handler, error) {
	name := filepath.Join(dir, "orders")
	if dir == "" {
		return nil, errors.New("--write: DATA_DIR is not set")
	}
	if err := appendLine(name); err != nil {
		return nil, err
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/healthz" {
			if err := appendLine(name); err != nil {
				http.Error(w, err.Error(), http.StatusInternalServerError)
				return
			}
		}
		handler.ServeHTTP(w, r)
	}), nil
}

// appendLine opens the file anew, so that no write waits for another.
func appendLine(name string) error {
	file, err := os.OpenFile(name, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	defer file.Close()
	_, err = file.WriteString("order\n")
	return err
}
