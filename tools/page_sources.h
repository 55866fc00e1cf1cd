/* The sources of the page, in tools/view/, as the build embeds them. Each ends with a zero byte. */
#ifndef TOOLS_PAGE_SOURCES_H
#define TOOLS_PAGE_SOURCES_H

extern const unsigned char page_html[]; /* with the marks: style, data, script */
extern const unsigned char page_css[];
extern const unsigned char page_js[];

#endif
