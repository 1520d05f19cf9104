package holdfast_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// The limits, and what may exceed them. A line here needs a reason a stranger
// accepts.
const (
	maxFunctionLines = 70
	maxStructFields  = 25
	maxFileLines     = 800
)

// exceptions maps "path:name" (or "path" for a file) to the reason why a limit
// does not hold there.
func exceptions() map[string]string {
	return map[string]string{
		"internal/proc/now_linux.go:lookedUp": "how far two clocks of the kernel lie apart is one fact for the whole process, and read ten times per request",
	}
}

func TestTidy(t *testing.T) {
	err := filepath.WalkDir(".", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() && strings.HasPrefix(entry.Name(), ".") && path != "." {
			if err == nil {
				err = filepath.SkipDir
			}
			return err
		}
		if strings.HasSuffix(path, ".go") {
			checkTidy(t, path)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// TestEveryPackageSaysWhatItIsFor also refuses names that say nothing.
func TestEveryPackageSaysWhatItIsFor(t *testing.T) {
	for _, pkg := range packages(t) {
		name := filepath.Base(pkg.ImportPath)
		if slices.Contains(words("util", "utils", "common", "helpers", "helper", "types", "misc", "shared", "base"), name) {
			t.Errorf("%s: a name that says nothing", pkg.ImportPath)
		}
		if !hasPackageSentence(t, pkg, name) {
			t.Errorf("%s does not begin with a sentence that says what it is for", pkg.ImportPath)
		}
	}
}

func hasPackageSentence(t *testing.T, pkg listed, name string) bool {
	t.Helper()
	for _, file := range pkg.GoFiles {
		parsed, err := parser.ParseFile(token.NewFileSet(), filepath.Join(pkg.Dir, file), nil, parser.ParseComments|parser.PackageClauseOnly)
		if err != nil {
			t.Fatal(err)
		}
		if text := parsed.Doc.Text(); strings.HasPrefix(text, "Package "+name+" ") || strings.HasPrefix(text, "Command "+name+" ") {
			return true
		}
	}
	return false
}

func checkTidy(t *testing.T, path string) {
	t.Helper()
	files := token.NewFileSet()
	file, err := parser.ParseFile(files, path, nil, parser.ParseComments)
	if err != nil {
		t.Fatal(err)
	}
	if lines := files.Position(file.End()).Line; lines > maxFileLines && exceptions()[path] == "" {
		t.Errorf("%s has %d lines, more than %d", path, lines, maxFileLines)
	}
	for _, declaration := range file.Decls {
		switch d := declaration.(type) {
		case *ast.FuncDecl:
			checkFunction(t, files, path, d)
		case *ast.GenDecl:
			checkDeclaration(t, files, path, d)
		}
	}
	if strings.HasSuffix(path, "_test.go") {
		checkNoSleep(t, files, path, file)
	}
}

func checkFunction(t *testing.T, files *token.FileSet, path string, d *ast.FuncDecl) {
	t.Helper()
	lines := files.Position(d.End()).Line - files.Position(d.Pos()).Line + 1
	if lines > maxFunctionLines && exceptions()[path+":"+d.Name.Name] == "" {
		t.Errorf("%s: %s has %d lines, more than %d", files.Position(d.Pos()), d.Name.Name, lines, maxFunctionLines)
	}
	if d.Recv == nil && d.Name.Name == "init" {
		t.Errorf("%s: init: what exists is listed, not registered", files.Position(d.Pos()))
	}
}

// checkDeclaration refuses mutable package variables, which are all of them but
// embedded files, and structs that hold too much.
func checkDeclaration(t *testing.T, files *token.FileSet, path string, d *ast.GenDecl) {
	t.Helper()
	embedded := strings.Contains(d.Doc.Text(), "go:embed") || d.Doc != nil && slices.ContainsFunc(d.Doc.List, func(c *ast.Comment) bool { return strings.HasPrefix(c.Text, "//go:embed") })
	for _, spec := range d.Specs {
		switch s := spec.(type) {
		case *ast.ValueSpec:
			if d.Tok != token.VAR || embedded || s.Names[0].Name == "_" || exceptions()[path+":"+s.Names[0].Name] != "" {
				continue
			}
			t.Errorf("%s: package variable %s: use a constant, a function or a field", files.Position(s.Pos()), s.Names[0].Name)
		case *ast.TypeSpec:
			if body, ok := s.Type.(*ast.StructType); ok && body.Fields.NumFields() > maxStructFields && exceptions()[path+":"+s.Name.Name] == "" {
				t.Errorf("%s: %s has %d fields, more than %d", files.Position(s.Pos()), s.Name.Name, body.Fields.NumFields(), maxStructFields)
			}
		}
	}
}

// checkNoSleep holds tests to waiting for the event: a sleep is either too long
// or too short. Inside testing/synctest, where it costs nothing, it is allowed.
func checkNoSleep(t *testing.T, files *token.FileSet, path string, file *ast.File) {
	t.Helper()
	if slices.ContainsFunc(file.Imports, func(i *ast.ImportSpec) bool { return i.Path.Value == `"testing/synctest"` }) {
		return
	}
	ast.Inspect(file, func(n ast.Node) bool {
		if s, ok := n.(*ast.SelectorExpr); ok && s.Sel.Name == "Sleep" {
			if x, ok := s.X.(*ast.Ident); ok && x.Name == "time" && exceptions()[path] == "" {
				t.Errorf("%s: time.Sleep in a test: wait for the event", files.Position(s.Pos()))
			}
		}
		return true
	})
}
