import java.io.File;
import java.io.IOException;
import java.io.StringReader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.Map;
import javax.xml.XMLConstants;
import javax.xml.parsers.DocumentBuilderFactory;
import javax.xml.transform.stream.StreamSource;
import javax.xml.validation.Schema;
import javax.xml.validation.SchemaFactory;
import javax.xml.validation.Validator;
import org.w3c.dom.Element;
import org.w3c.dom.NodeList;
import org.w3c.dom.bootstrap.DOMImplementationRegistry;
import org.w3c.dom.ls.DOMImplementationLS;
import org.w3c.dom.ls.LSInput;
import org.w3c.dom.ls.LSResourceResolver;
import org.xml.sax.ErrorHandler;
import org.xml.sax.SAXException;
import org.xml.sax.SAXParseException;

/**
 * The second opinion: what the validator of the JDK says of documents. One start for many of them.
 *
 * <p>java Xerces.java LIST CATALOG, where each line of LIST is a schema, a tab and a document. For each line, in
 * order, one line: {@code valid}, or {@code invalid}, a tab and the first reason. Nothing is fetched.
 */
public class Xerces {
    private static final String DTD = "http://www.w3.org/TR/REC-xml";

    private final Map<String, File> copies = new HashMap<>();
    private final Map<String, Schema> schemas = new HashMap<>();
    private final DOMImplementationLS ls;

    private Xerces(File catalog) throws Exception {
        ls = (DOMImplementationLS) DOMImplementationRegistry.newInstance().getDOMImplementation("LS");
        NodeList entries = DocumentBuilderFactory.newInstance().newDocumentBuilder().parse(catalog)
                .getElementsByTagName("system");
        for (int i = 0; i < entries.getLength(); i++) {
            Element entry = (Element) entries.item(i);
            File copy = new File(catalog.getParentFile(), entry.getAttribute("uri"));
            copies.put(schemeless(entry.getAttribute("systemId")), copy);
        }
    }

    public static void main(String[] arguments) throws Exception {
        Xerces xerces = new Xerces(new File(arguments[1]));
        StringBuilder answers = new StringBuilder();
        for (String line : Files.readAllLines(Path.of(arguments[0]), StandardCharsets.UTF_8)) {
            int tab = line.indexOf('\t');
            String reason = xerces.reason(line.substring(0, tab), new File(line.substring(tab + 1)));
            answers.append(reason == null ? "valid" : "invalid\t" + reason.replace('\n', ' ')).append('\n');
        }
        System.out.write(answers.toString().getBytes(StandardCharsets.UTF_8));
        System.out.flush();
    }

    private static String schemeless(String location) {
        return location.replaceFirst("^https?:", "");
    }

    /** The first reason why the document is not valid, or null. */
    private String reason(String schema, File document) throws SAXException {
        if (!schemas.containsKey(schema)) {
            schemas.put(schema, compile(new File(schema)));
        }
        String[] first = new String[1];
        Validator validator = schemas.get(schema).newValidator();
        validator.setResourceResolver((type, namespace, publicId, systemId, base) -> empty(systemId));
        validator.setErrorHandler(new ErrorHandler() {
            @Override
            public void warning(SAXParseException warning) {
            }

            @Override
            public void error(SAXParseException error) {
                first[0] = first[0] == null ? error.getMessage() : first[0];
            }

            @Override
            public void fatalError(SAXParseException error) throws SAXParseException {
                throw error;
            }
        });
        try {
            validator.validate(new StreamSource(document));
        } catch (SAXException | IOException error) {
            first[0] = first[0] == null ? String.valueOf(error.getMessage()) : first[0];
        }
        return first[0];
    }

    private Schema compile(File schema) throws SAXException {
        SchemaFactory factory = SchemaFactory.newInstance(XMLConstants.W3C_XML_SCHEMA_NS_URI);
        LSResourceResolver resolver = (type, namespace, publicId, systemId, base) -> {
            if (systemId == null || !type.equals(DTD)) {
                File copy = systemId == null ? null : copies.get(schemeless(systemId));
                if (copy == null) {
                    return null;
                }
                LSInput input = ls.createLSInput();
                input.setSystemId(copy.toURI().toString());
                return input;
            }
            return empty(systemId);
        };
        factory.setResourceResolver(resolver);
        return factory.newSchema(schema);
    }

    private LSInput empty(String systemId) {
        LSInput input = ls.createLSInput();
        input.setSystemId(systemId);
        input.setCharacterStream(new StringReader("<!-- nothing -->"));
        return input;
    }
}
