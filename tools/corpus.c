/* See corpus.h for the state. */
#include "tools/corpus.h"
#include "tools/selection.h"
#include "tools/whole.h"
#include "traces/fnv.h"
#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static const char LIST_HEAD[] = "quipu choices 1\n", BUG_HEAD[] = "quipu bug 1 %d %d %" PRIu64 "\n";

enum { MOST_CHOICES = 65536, MOST_BYTES = 1 << 22 };

/* ---- in memory ---- */

static bool has_list(const struct corpus *self, const uint32_t *choices, size_t count)
{
    for (size_t i = 0; i < self->count; i++)
        if (self->lists[i].count == count && memcmp(self->lists[i].choices, choices, count * sizeof *choices) == 0)
            return true;
    return false;
}

/* Takes the list. */
static bool keep_list(struct corpus *self, uint32_t *choices, size_t count, bool loaded)
{
    if (self->count == self->room) {
        size_t room = self->room ? self->room * 2 : 64;
        struct corpus_list *lists = realloc(self->lists, room * sizeof *lists);
        if (!lists) {
            free(choices);
            return complain("out of memory") == EXIT_FINE;
        }
        self->lists = lists;
        self->room = room;
    }
    self->lists[self->count++] = (struct corpus_list){choices, count, 0, loaded};
    return true;
}

/* Takes the text. */
static struct corpus_bug *keep_bug(struct corpus *self, const struct qp_failure_key *key, char *text, bool known)
{
    struct corpus_bug *bug;
    if (!self->bugs || self->bug_count == self->bug_room) {
        size_t room = self->bug_room ? self->bug_room * 2 : 8;
        struct corpus_bug *bugs = realloc(self->bugs, room * sizeof *bugs);
        if (!bugs) {
            free(text);
            return NULL;
        }
        self->bugs = bugs;
        self->bug_room = room;
    }
    bug = &self->bugs[self->bug_count];
    *bug = (struct corpus_bug){.text = text, .known = known};
    if (!signature_init(&bug->signature, key, text)) {
        free(text);
        return NULL;
    }
    self->bug_count++;
    return bug;
}

/* ---- files ---- */

enum { PATH_ROOM = 1024 };

/* Reads a whole file, with a zero byte behind it. Returns owned; NULL: it cannot be read. */
static char *read_file(const char *path)
{
    FILE *file = fopen(path, "r");
    char *text = file ? malloc(MOST_BYTES + 1) : NULL;
    size_t size = text ? fread(text, 1, MOST_BYTES + 1, file) : 0;
    if (file)
        fclose(file);
    if (!text || size > MOST_BYTES) {
        free(text);
        return NULL;
    }
    text[size] = '\0';
    return text;
}

static bool load_list(struct corpus *self, const char *text)
{
    uint32_t *choices;
    size_t count = 0;
    char *end;
    if (strncmp(text, LIST_HEAD, strlen(LIST_HEAD)) != 0)
        return false;
    choices = malloc(MOST_CHOICES * sizeof *choices);
    if (!choices)
        return false;
    for (text += strlen(LIST_HEAD); *text >= '0' && *text <= '9' && count < MOST_CHOICES; text = end) {
        choices[count++] = (uint32_t)strtoul(text, &end, 10);
        end += *end == ' ' || *end == '\n';
    }
    if (*text) {
        free(choices);
        return false;
    }
    return keep_list(self, choices, count, true);
}

static bool load_bug(struct corpus *self, const char *text)
{
    struct qp_failure_key key = {0};
    int outcome;
    const char *story = strchr(text, '\n');
    char *copy;
    if (!story || sscanf(text, BUG_HEAD, &outcome, &key.rule, &key.text) != 3)
        return false;
    key.outcome = (enum qp_status)outcome;
    copy = strdup(story + 1);
    return copy && keep_bug(self, &key, copy, true);
}

static void load(struct corpus *self, const char *name)
{
    char path[PATH_ROOM], *text;
    bool fine, is_list = strncmp(name, "list-", 5) == 0;
    if ((!is_list && strncmp(name, "bug-", 4) != 0) || strstr(name, ".tmp")) /* which somebody is still writing */
        return;
    snprintf(path, sizeof path, "%s/%s", self->folder, name);
    text = read_file(path);
    fine = text && (is_list ? load_list(self, text) : load_bug(self, text));
    if (!fine)
        fprintf(stderr, "quipu: %s is no file of a corpus, and is left alone\n", path);
    free(text);
}

static int by_name(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

bool corpus_open(struct corpus *self, const char *folder, const char *scenario)
{
    struct dirent **names;
    size_t size = folder ? strlen(folder) + strlen(scenario) + 2 : 0;
    int count;
    *self = (struct corpus){0};
    if (!folder)
        return true;
    self->folder = malloc(size);
    if (!self->folder)
        return complain("out of memory") == EXIT_FINE;
    snprintf(self->folder, size, "%s/%s", folder, scenario);
    if (!make_folder(folder) || !make_folder(self->folder))
        return false;
    count = scandir(self->folder, &names, NULL, by_name);
    if (count < 0)
        return complain("%s cannot be read: %s", self->folder, strerror(errno)) == EXIT_FINE;
    for (int i = 0; i < count; i++) {
        load(self, names[i]->d_name);
        free(names[i]);
    }
    free(names);
    return true;
}

void corpus_close(struct corpus *self)
{
    for (size_t i = 0; i < self->count; i++)
        free(self->lists[i].choices);
    for (size_t i = 0; i < self->bug_count; i++) {
        signature_end(&self->bugs[i].signature);
        free(self->bugs[i].text);
    }
    free(self->lists);
    free(self->bugs);
    free(self->folder);
}

static uint64_t number_of(const uint32_t *choices, size_t count)
{
    uint64_t hash = qp_fnv_start;
    for (size_t i = 0; i < count; i++)
        hash = qp_fnv_add(hash, choices[i]);
    return hash;
}

/* Begins DIR/SCENARIO/KIND-NUMBER, whose path is kept in `path`. False: a sentence was printed. */
static bool create_file(const struct corpus *self, struct whole_file *whole, char path[PATH_ROOM], const char *kind,
                        uint64_t number, const char *ending)
{
    snprintf(path, PATH_ROOM, "%s/%s-%016" PRIx64 "%s", self->folder, kind, number, ending);
    return whole_begin(whole, path);
}

bool corpus_add(struct corpus *self, const uint32_t *choices, size_t count)
{
    char path[PATH_ROOM];
    struct whole_file whole;
    uint32_t *copy;
    if (has_list(self, choices, count))
        return true;
    copy = malloc((count + 1) * sizeof *copy);
    if (!copy)
        return complain("out of memory") == EXIT_FINE;
    memcpy(copy, choices, count * sizeof *copy);
    if (!keep_list(self, copy, count, false))
        return false;
    if (!self->folder)
        return true;
    if (!create_file(self, &whole, path, "list", number_of(choices, count), ""))
        return false;
    fputs(LIST_HEAD, whole.file);
    for (size_t i = 0; i < count; i++)
        fprintf(whole.file, "%" PRIu32 "%s", choices[i], i + 1 < count ? " " : "\n");
    return whole_end(&whole, NULL);
}

static void write_bug(const struct corpus *self, const struct corpus_bug *bug)
{
    const struct qp_failure_key *key = &bug->signature.key;
    char path[PATH_ROOM];
    struct whole_file whole;
    if (!self->folder || !create_file(self, &whole, path, "bug", signature_number(&bug->signature), ".txt"))
        return;
    fprintf(whole.file, BUG_HEAD, (int)key->outcome, key->rule, key->text);
    fputs(bug->text, whole.file);
    whole_end(&whole, NULL);
}

const struct corpus_bug *corpus_note(struct corpus *self, const struct qp_failure_key *key, const char *text,
                                     bool *fresh)
{
    struct signature signature;
    struct corpus_bug *bug = NULL;
    char *copy;
    if (!signature_init(&signature, key, text))
        return NULL;
    for (size_t i = 0; i < self->bug_count && !bug; i++)
        if (signature_same_bug(&self->bugs[i].signature, &signature))
            bug = &self->bugs[i];
    signature_end(&signature);
    *fresh = !bug;
    if (!bug) {
        copy = strdup(text);
        bug = copy ? keep_bug(self, key, copy, false) : NULL;
        if (!bug)
            return NULL;
        write_bug(self, bug);
    }
    bug->times++;
    return bug;
}
