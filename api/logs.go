package api

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"os"
	"time"

	"holdfast"
)

const (
	// tailBytes bounds how far back a log is read.
	tailBytes = 256 << 10
	// look is how often a followed log is asked for more.
	look = 100 * time.Millisecond
)

// logs streams the end of a replica's log, and with follow what comes.
func logs(w http.ResponseWriter, r *http.Request, agent Agent) {
	path, ok := agent.LogPath(holdfast.ReplicaName(r.PathValue("replica")))
	if !ok {
		refuse(w, http.StatusNotFound, unknown(r.PathValue("replica")))
		return
	}
	lines, err := number(r, "lines")
	if err != nil {
		refuse(w, http.StatusBadRequest, err)
		return
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	out := newStream(w)
	offset, err := tail(path, int(min(lines, 10_000)), out)
	if err == nil && r.URL.Query().Get("follow") != "" {
		_ = follow(r.Context(), path, offset, out)
	}
}

// tail writes the last lines of a file and returns how far it has read. A file
// that is not there yet has no lines.
func tail(path string, lines int, out stream) (offset int64, err error) {
	file, err := os.Open(path)
	if err != nil {
		return 0, nil
	}
	defer file.Close()
	size, err := file.Seek(0, io.SeekEnd)
	if err != nil {
		return 0, err
	}
	end := make([]byte, min(size, tailBytes))
	if _, err := file.ReadAt(end, size-int64(len(end))); err != nil && err != io.EOF {
		return 0, err
	}
	if err := out.write(lastLines(end, lines)); err != nil {
		return 0, err
	}
	return size, out.flush()
}

// lastLines is the end of a text from its n-th last line on.
func lastLines(text []byte, n int) []byte {
	at := len(bytes.TrimRight(text, "\n"))
	for range n {
		newline := bytes.LastIndexByte(text[:at], '\n')
		if newline < 0 {
			return text
		}
		at = newline
	}
	return text[min(at+1, len(text)):]
}

// follow writes what is appended to a file until ctx ends. A file that became
// shorter was cut because it grew too long, and is read from its beginning.
func follow(ctx context.Context, path string, offset int64, out stream) error {
	ticker := time.NewTicker(look)
	defer ticker.Stop()
	buffer := make([]byte, 64<<10)
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-ticker.C:
		}
		n, err := readFrom(path, &offset, buffer)
		if err != nil || n == 0 {
			continue
		}
		if err := out.write(buffer[:n]); err != nil {
			return err
		}
		if err := out.flush(); err != nil {
			return err
		}
	}
}

func readFrom(path string, offset *int64, buffer []byte) (int, error) {
	file, err := os.Open(path)
	if err != nil {
		return 0, err
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return 0, err
	}
	if info.Size() < *offset {
		*offset = 0
	}
	n, err := file.ReadAt(buffer, *offset)
	*offset += int64(n)
	if err == io.EOF {
		err = nil
	}
	return n, err
}
